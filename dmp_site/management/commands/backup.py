"""Copies the installation."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site import backup
from dmp_site.management.base import Documented
from identity.clock import now
from identity.errors import DomainError
from identity.privacy.keys import KeysMissing


class Command(Documented):
    help = (
        "Copy the installation into a new directory while it runs. SQLite: the database first, the inbox second; pruning rests.\n"
        "PostgreSQL: one dump (pg_dump must be installed). With the graph in Neo4j the lane rests until both are dumped; the\n"
        "collector goes on.\n"
        "The key file is not copied beside the data. Keep it apart: without it the copy cannot be read, and with it anybody\n"
        "can. --keys writes it to a place of its own.\n\n"
        "Example: manage.py backup /backups/2025-01-31 --keys /safe/filrouge-keys.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, help="is made; must not exist")
        parser.add_argument("--keys", type=Path, metavar="FILE", help="copy the key file to FILE")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            backup.create(options["directory"], now(), keys_to=options["keys"])
        except (DomainError, KeysMissing) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Copied the installation to {options['directory']}.")
        if options["keys"] is None:
            self.stdout.write("The key file is not in it: keep a copy of it elsewhere.")
