"""Runs a file of cases of who is who, or of vectors of hashed values, and says what differs."""

import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import Error

from dmp_site.cases import files, running, scratch, vectors
from dmp_site.cases.files import Case, Cluster, File
from dmp_site.cases.reading import BadFile
from dmp_site.cases.running import Difference, Endless, Outcome
from dmp_site.management.base import Documented
from identity.graph.neo4j_scratch import NotScratch
from identity.graph.port import GraphMissing, StoreAway

UNUSABLE = 2  # the status for a file or a store that cannot be used


class Command(Documented):
    help = (
        "Run every case of a file in the format of tests/cases/identity.yaml, and every vector of one in the format of\n"
        "tests/cases/normalisation.yaml.\n\n"
        "A case goes through the pipeline on stores that are thrown away, under the policy and the blocked values that the file\n"
        "states instead of the product's own: with its events in every order up to 5, in 50 random ones beyond, cut into\n"
        "batches of 1, of 2, and of all. No installation is needed, and none is touched: the database is in memory, or in a schema\n"
        "of its own of the PostgreSQL at --uri. --store neo4j takes the graph at --uri, which has to be empty or to hold the mark\n"
        "(:Scratch): it is wiped again and again.\n\n"
        "What differs is printed. The status is 0 when all passed, 1 when something differs, 2 when the file or the store cannot be used.\n\n"
        "Example: manage.py identity_cases tests/cases/identity.yaml"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="YAML with the key cases, vectors, or both")
        parser.add_argument(
            "--store",
            choices=("sql", "neo4j"),
            default="sql",
            help="where the graph is kept (sql)",
        )
        parser.add_argument(
            "--uri",
            default="",
            help="bolt://user:password@host:port of Neo4j; of PostgreSQL instead of a database in memory",
        )
        parser.add_argument("--database", default="neo4j", help="of Neo4j (neo4j)")
        parser.add_argument(
            "--orders",
            type=int,
            metavar="N",
            help="try no more than so many orders of a case's events, for a first look on a slow store (all)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        path, store, uri = options["file"], options["store"], options["uri"]
        try:
            found = files.read(path)
            failed = self._run(found, store, uri, options["database"], options["orders"])
        except BadFile as error:
            raise CommandError(f"{path}: {error}", returncode=UNUSABLE) from None
        except (NotScratch, GraphMissing, StoreAway, ImproperlyConfigured, Error) as error:
            raise CommandError(str(error), returncode=UNUSABLE) from None
        passed = len(found.cases) + len(found.vectors) - failed
        self.stdout.write(f"{passed} passed, {failed} failed")
        if failed:
            sys.exit(1)

    def _run(self, found: File, store: str, uri: str, database: str, orders: int | None) -> int:
        """Return how many failed."""
        failed = sum(self._vector(each) for each in found.vectors)
        if not found.cases:
            return failed
        place = uri if store == "sql" else ""
        with scratch.graphs(store, uri, database) as graphs, scratch.database(place):
            return failed + sum(self._case(each, graphs, orders) for each in found.cases)

    def _vector(self, vector: files.Vector) -> bool:
        differing = vectors.differences(vector)
        if differing:
            self.stdout.write(f"FAILED {vector.name}")
        for name, expected, found in differing:
            self._differs(name, expected, found)
        return bool(differing)

    def _case(self, case: Case, graphs: scratch.Graphs, orders: int | None) -> bool:
        try:
            found = running.check(case, graphs, orders)
        except (StoreAway, GraphMissing):
            raise
        except Endless as error:
            self.stdout.write(f"FAILED {case.name}\n  {error}")
            return True
        except Exception as error:  # noqa: BLE001 - a case that breaks the product has failed, and the others go on
            self.stdout.write(f"FAILED {case.name}\n  {type(error).__name__}: {error}")
            return True
        if found is not None:
            self.stdout.write(f"FAILED {case.name}")
            self._explain(found)
        return found is not None

    def _explain(self, difference: Difference) -> None:
        order = " ".join(str(position + 1) for position in difference.order)
        self.stdout.write(
            f"  in {difference.failed} of {difference.tried} arrangements, first with the events in the order {order},"
            f" batches of {difference.batch}"
        )
        expected, found = difference.expected, difference.found
        self._clusters(expected, found)
        if missing := expected.refused - found.refused:
            self._differs(
                "removed", _shown(missing), f"{_shown(found.refused)} (all refused links)"
            )
        if expected.rejected != found.rejected:
            self._differs("rejected", _times(expected.rejected), _times(found.rejected))

    def _clusters(self, expected: Outcome, found: Outcome) -> None:
        if expected.clusters is None or found.clusters is None:
            return
        missing, more = expected.clusters - found.clusters, found.clusters - expected.clusters
        if missing or more:
            self._differs("clusters", _shown(missing), _shown(more))

    def _differs(self, name: str, expected: str, found: str) -> None:
        self.stdout.write(f"  {name}: expected {expected}\n  {' ' * len(name)}  found    {found}")


def _shown(groups: Iterable[Cluster]) -> str:
    told = sorted(f"[{', '.join(sorted(group))}]" for group in groups)
    return ", ".join(told) or "none"


def _times(times: Iterable[Decimal]) -> str:
    return f"[{', '.join(map(str, times))}]"
