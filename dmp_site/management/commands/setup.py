"""Makes the installation."""

from typing import Any

from django.core.management.base import CommandError
from django.db import Error

from dmp_site import setup
from dmp_site.management.base import Documented
from identity.clock import now
from identity.graph.port import GraphMissing
from identity.privacy.keys import KeysMissing
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway
from identity.touchpoints.installation import Foreign


class Command(Documented):
    help = (
        "Make the installation: keys, tables, stores, roles and the first login (printed once). `up` does the same first.\n"
        "Run again, it brings the tables up to date and changes nothing else. It refuses an inbox, a graph or a key of another\n"
        "installation, and never makes a key beside existing data.\n\n"
        "Example: FILROUGE_ADMIN_PASSWORD_FILE=/run/secrets/admin manage.py setup"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            for line in setup.ensure(now()):
                self.stdout.write(line)
        except (Foreign, ForeignInbox, GraphMissing, InboxAway, KeysMissing) as error:
            raise CommandError(str(error)) from error
        except Error as error:
            raise CommandError(
                f"the database cannot be used ({error}): manage.py doctor"
            ) from error
