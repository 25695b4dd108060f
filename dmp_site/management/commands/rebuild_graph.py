"""Compares every profile with what the graph's evidence says, and has the lane repair what differs."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site.management.base import Documented
from identity.clock import now
from identity.graph import store
from identity.graph.port import StoreAway
from identity.profiles.rebuild import Report, rebuild

ACTOR = "command:rebuild_graph"


class Command(Documented):
    help = (
        "Walk the graph store, work out afresh who is who, and compare that with the stored profiles.\n\n"
        "What differs is handed to the lane, which alone may move identifiers; run the command again with --check when it is\n"
        "done. Two digests are printed, of the evidence and of what is stored: they are equal when every profile and every id\n"
        "is as the evidence says. While touchpoints are coming in, those in between the two stores may show as differing.\n\n"
        "Example: manage.py rebuild_graph --check"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="compare only; status 1 when something differs"
        )
        parser.add_argument(
            "--block", type=int, default=5_000, help="identifiers read at once (5000)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        moment = None if options["check"] else now()
        try:
            report = rebuild(
                store(), now=moment, actor=ACTOR, size=options["block"], progress=self._progress
            )
        except StoreAway as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{report.graph.count} identifiers, {report.neighbourhoods} neighbourhoods,"
            f" {report.profiles} profiles"
        )
        self.stdout.write(f"evidence {report.graph}\nstored   {report.stored}")
        self._conclude(report, check=options["check"])

    def _conclude(self, report: Report, *, check: bool) -> None:
        if report.agrees:
            self.stdout.write("Every profile and every id is as the evidence says.")
            return
        said = f"{report.differing} identifiers differ, {report.stray} are unknown to the graph"
        if check:
            raise CommandError(f"{said}: run `manage.py rebuild_graph` to have them repaired")
        self.stdout.write(f"{said}; {report.handed} commands wait for the lane.")

    def _progress(self, report: Report) -> None:
        self.stderr.write(
            f"\r{report.graph.count} identifiers, {report.differing} differ", ending=""
        )
        self.stderr.flush()
