"""Brings a copy of the installation back."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site import backup
from dmp_site.management.base import Documented
from identity.clock import now
from identity.errors import DomainError
from identity.touchpoints.inbox.port import ForeignInbox
from identity.touchpoints.installation import Foreign


class Command(Documented):
    help = (
        "Put a backup in the place of the data, after checking that it is whole and that the key file is its own. Stop\n"
        "`manage.py up` first. Files that were there are kept in a directory of their own beside the data; a database of\n"
        "PostgreSQL and a graph in Neo4j must be empty. Touchpoints that came in after the backup are not in it; messages sent\n"
        "after it are not remembered.\n\n"
        "Example: manage.py restore /backups/2025-01-31 --keys /safe/filrouge-keys.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, help="what `manage.py backup` made")
        parser.add_argument("--keys", type=Path, metavar="FILE", help="the key file of the backup")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            said = backup.restore(options["directory"], now(), keys_from=options["keys"])
        except (DomainError, Foreign, ForeignInbox) as error:
            raise CommandError(str(error)) from error
        for line in said:
            self.stdout.write(line)
