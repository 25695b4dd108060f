"""Takes an installation to other stores."""

import sys
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser

from dmp_site.management.base import Documented
from dmp_site.moving import database, graph
from identity.clock import now
from identity.errors import DomainError
from identity.graph.port import StoreRefuses
from identity.privacy.keys import KeysMissing
from identity.touchpoints.inbox.port import ForeignInbox
from identity.touchpoints.installation import Foreign

_REFUSALS = (
    DomainError,
    Foreign,
    ForeignInbox,
    ImproperlyConfigured,
    KeysMissing,
    StoreRefuses,
)


class Command(Documented):
    help = (
        "Move the installation to other stores. Stop `manage.py up` first, and make a backup.\n\n"
        "  database   from the SQLite files to the PostgreSQL of FILROUGE_MOVE_DATABASE_URL: all tables, what waits in the\n"
        "             inbox, the sequences. The database must be empty. The files and the key file stay.\n"
        "  graph      from the tables of PostgreSQL to the Neo4j of FILROUGE_MOVE_GRAPH_URL, or, when the graph is in Neo4j,\n"
        "             back to the tables. The old place is emptied once the digests are equal.\n\n"
        "The addresses may also be in files: FILROUGE_MOVE_DATABASE_URL_FILE, FILROUGE_MOVE_GRAPH_URL_FILE. A move that was\n"
        "cut short goes on when it is called again; until then nothing works with the installation. --give-up lets it go on\n"
        "where it was.\n\n"
        "Example: FILROUGE_MOVE_DATABASE_URL_FILE=/run/secrets/new-database manage.py move_store database"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["database", "graph"])
        parser.add_argument("--give-up", action="store_true", help="stay where the data were")

    def handle(self, *_: Any, **options: Any) -> None:
        what = {"database": database, "graph": graph}[options["what"]]
        try:
            said = what.give_up() if options["give_up"] else what.move(self._progress, now())
        except _REFUSALS as error:
            raise CommandError(str(error)) from error
        for line in said:
            self.stdout.write(line)

    def _progress(self, what: str, count: int) -> None:
        """Write a line, over the last one where somebody looks on."""
        end = "\r" if sys.stderr.isatty() else "\n"
        self.stderr.write(f"{what}: {count:,} rows".ljust(60), ending=end)
        self.stderr.flush()
