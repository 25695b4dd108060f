"""Compares every profile with what the graph's evidence says, and the graph with what people decided; has the lane repair what differs."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site.management.base import Documented
from identity.clock import Instant, now
from identity.graph import store
from identity.graph.contents import Sums, add_up
from identity.graph.port import StoreAway
from identity.profiles.rebuild import Report, rebuild, stored

ACTOR = "command:rebuild_graph"


class Command(Documented):
    help = (
        "Walk the graph store, work out afresh who is who, and compare that with the stored profiles; and what the graph knows of\n"
        "people's decisions with their log.\n\n"
        "What differs is handed to the lane, which alone may move identifiers; run the command again with --check when it is\n"
        "done. Two digests are printed, of the evidence and of what is stored: they are equal when every profile and every id\n"
        "is as the evidence says. While touchpoints or decisions are coming in, those in between the two stores may show as\n"
        "differing.\n\n"
        "A third digest, of all that the two hold (touchpoints with their numbers, identifiers, links, profiles), is the same\n"
        "whatever kind of store they live in: `move_store` and `restore` compare it. --digest prints that one alone.\n\n"
        "Example: manage.py rebuild_graph --check"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="compare only; status 1 when something differs"
        )
        parser.add_argument("--digest", action="store_true", help="compare nothing, only add up")
        parser.add_argument(
            "--block", type=int, default=5_000, help="identifiers read at once (5000)"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        moment = None if options["check"] else now()
        try:
            sums = add_up(store().contents(), size=options["block"])
            report = None if options["digest"] else self._compare(sums, moment, options["block"])
        except StoreAway as error:
            raise CommandError(str(error)) from error
        counted = ", ".join(f"{count} {part}" for part, count in sums.counts.items())
        self.stdout.write(f"digest   {sums.digest.with_all_of(stored())} ({counted})")
        if report is not None:
            self._conclude(report, check=options["check"])

    def _compare(self, sums: Sums, moment: Instant | None, size: int) -> Report:
        report = rebuild(
            store(),
            now=moment,
            actor=ACTOR,
            size=size,
            decided=sums.decided,
            progress=self._progress,
        )
        self.stdout.write(
            f"{report.graph.count} identifiers, {report.neighbourhoods} neighbourhoods,"
            f" {report.profiles} profiles"
        )
        self.stdout.write(f"evidence {report.graph}\nstored   {report.stored}")
        return report

    def _conclude(self, report: Report, *, check: bool) -> None:
        if report.agrees:
            self.stdout.write("Every profile and every id is as the evidence says.")
            return
        said = (
            f"{report.differing} identifiers differ, {report.stray} are unknown to the graph,"
            f" which knows otherwise about {report.decisions} pairs than people decided"
        )
        if check:
            raise CommandError(f"{said}: run `manage.py rebuild_graph` to have them repaired")
        self.stdout.write(f"{said}; {report.handed} commands wait for the lane.")

    def _progress(self, report: Report) -> None:
        self.stderr.write(
            f"\r{report.graph.count} identifiers, {report.differing} differ", ending=""
        )
        self.stderr.flush()
