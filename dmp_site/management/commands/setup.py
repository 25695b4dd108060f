"""Makes the installation."""

from typing import Any

from dmp_site.management import making
from dmp_site.management.base import Documented
from identity.clock import now


class Command(Documented):
    help = (
        "Make the installation: keys, tables, stores, roles and the first login (printed once). `up` does the same first.\n"
        "Run again, it brings the tables up to date and changes nothing else. It refuses an inbox, a graph or a key of another\n"
        "installation, and never makes a key beside existing data.\n\n"
        "Example: FILROUGE_ADMIN_PASSWORD_FILE=/run/secrets/admin manage.py setup"
    )

    def handle(self, *_: Any, **__: Any) -> None:
        making.make(self, now())
