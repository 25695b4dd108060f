"""How `setup` and `up` make the installation, and say what keeps them from it."""

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from dmp_site import setup
from identity.clock import Instant
from identity.graph.port import GraphMissing, StoreAway
from identity.privacy.keys import KeysMissing
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway
from identity.touchpoints.installation import Foreign


def make(command: BaseCommand, now: Instant, *, lane_looks: bool = False) -> None:
    """Print what a person should read (see `setup.ensure`). Raises CommandError, which says what to do."""
    try:
        for line in setup.ensure(now, lane_looks=lane_looks):
            command.stdout.write(line)
    except (Foreign, ForeignInbox, GraphMissing, InboxAway, KeysMissing) as error:
        raise CommandError(str(error)) from error
    except StoreAway as error:
        raise CommandError(
            f"the graph store cannot be used ({error}): start it, or correct its address, then call this again"
        ) from error
    except Error as error:
        raise CommandError(f"the database cannot be used ({error}): manage.py doctor") from error
