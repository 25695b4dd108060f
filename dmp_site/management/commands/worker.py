"""Runs one process of the product."""

import errno
import logging
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import Error

from dmp_site import setup
from dmp_site.management.base import Documented
from dmp_site.processes import lifeline, roles, running
from identity.errors import DomainError
from identity.graph.port import LaneSuperseded
from identity.privacy.keys import KeysMissing, require_keys
from identity.touchpoints import installation
from identity.touchpoints.inbox.port import ForeignInbox, InboxTaken
from identity.touchpoints.installation import Foreign

# What a person can mend; the message says how.
_REFUSALS = (
    DomainError,
    Foreign,
    ForeignInbox,
    InboxTaken,
    KeysMissing,
    LaneSuperseded,
)


class Command(Documented):
    help = (
        "Run one process of the product until it is told to stop (SIGTERM). `up` runs and watches all of them; use this one"
        " under another supervisor, or to add standing-by lanes on other hosts.\n\n"
        "  collector  receives touchpoints (public port and loopback door)\n"
        "  lane       takes them through the stages; several may run, one works, the others stand by\n"
        "  send       hands messages over to the channels\n"
        "  all        lane and send in one process\n"
        "  jobs       schedules and long jobs\n"
        "  console    admin, REST API\n\n"
        "Example: manage.py worker --role lane"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--role", choices=sorted(roles.ROLES), default="all")

    def handle(self, *_: Any, **options: Any) -> None:
        lifeline.hold()
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        logging.getLogger().setLevel(logging.INFO)
        try:
            running.share(settings.DATA_DIR)
            _require_tables()
            # What another key signs, hashes or encrypts nobody could read again.
            installation.verify_keys(require_keys(settings.KEYS_FILE))
            roles.ROLES[options["role"]](stop)
        except _REFUSALS as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise CommandError(
                f"{error.strerror}: end what listens there, or choose another FILROUGE_*_BIND"
            ) from error


def _require_tables() -> None:
    """Refuse to work on a database that was not set up for this version."""
    try:
        pending = setup.pending()
    except Error as error:
        raise CommandError(f"the database cannot be used ({error}): manage.py doctor") from error
    if pending:
        raise CommandError(f"{pending} migrations are not applied: run `manage.py setup`")
