"""Compares the graph with its touchpoints and with what people decided, and every profile with the graph; has the lane repair what differs."""

import sqlite3
from contextlib import closing
from typing import Any

from django.core.management.base import CommandError, CommandParser

from dmp_site.management.base import Documented
from identity.clock import Instant, now
from identity.graph import patient_store, policies
from identity.graph.contents import Sums, add_up
from identity.graph.tally import Tally
from identity.profiles.rebuild import Report, rebuild, stored
from identity.profiles.recounting import Recount, recount

ACTOR = "command:rebuild_graph"


class Command(Documented):
    help = (
        "Add up afresh what the touchpoints of the graph store say, and compare the links and identifiers that it holds; then walk it,\n"
        "work out afresh who is who, and compare that with the stored profiles; and what the graph knows of people's decisions with\n"
        "their log.\n\n"
        "What differs is handed to the lane, which alone may write to the graph and move identifiers; run the command again with\n"
        "--check when it is done. Two digests are printed, of the evidence and of what is stored: they are equal when every profile\n"
        "and every id is as the evidence says. While touchpoints or decisions are coming in, profiles in between the two stores may\n"
        "show as differing; links and identifiers do not.\n\n"
        "A third digest, of all that the two hold (touchpoints with their numbers, identifiers, links, profiles), is the same\n"
        "whatever kind of store they live in: `move_store` and `restore` compare it. --digest prints that one alone.\n\n"
        "The sums go to a temporary file (SQLITE_TMPDIR or TMPDIR say where), about as large as the links; memory stays bounded.\n\n"
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
        size = options["block"]
        try:
            if options["digest"]:
                self._write_digest(add_up(patient_store().contents(), size=size))
            else:
                self._compare(None if options["check"] else now(), size)
        except sqlite3.Error as error:
            raise CommandError(f"the temporary file cannot be written: {error}") from error

    def _compare(self, moment: Instant | None, size: int) -> None:
        policy = policies.current()
        with closing(Tally(policy)) as tally:
            sums = add_up(
                patient_store().contents(), size=size, progress=self._read, show=tally.show
            )
            recounted = recount(
                tally,
                patient_store(),
                policy=policy,
                now=moment,
                actor=ACTOR,
                size=size,
                progress=self._counted,
            )
        report = rebuild(
            patient_store(),
            now=None if recounted.lost else moment,
            actor=ACTOR,
            size=size,
            policy=policy,
            decided=sums.decided,
            progress=self._walked,
        )
        self.stdout.write(
            f"{report.graph.count} identifiers, {report.neighbourhoods} neighbourhoods,"
            f" {report.profiles} profiles"
        )
        self.stdout.write(f"evidence {report.graph}\nstored   {report.stored}")
        self._write_digest(sums)
        for example in recounted.examples:
            self.stdout.write(example)
        self._conclude(recounted, report, check=moment is None)

    def _write_digest(self, sums: Sums) -> None:
        counted = ", ".join(f"{count} {part}" for part, count in sums.counts.items())
        self.stdout.write(f"digest   {sums.digest.with_all_of(stored())} ({counted})")

    def _conclude(self, recounted: Recount, report: Report, *, check: bool) -> None:
        if report.agrees and recounted.agrees:
            self.stdout.write(
                "Every link is as the touchpoints say. Every profile and every id is as the evidence says."
            )
            return
        said = [*_of_links(recounted)]
        if not report.agrees:
            said.append(
                f"{report.differing} identifiers differ, {report.stray} are unknown to the graph,"
                f" which knows otherwise about {report.decisions} pairs than people decided"
            )
        told = "; ".join(said)
        if check:
            raise CommandError(f"{told}: run `manage.py rebuild_graph` to have them repaired")
        handed = report.handed + recounted.handed
        self.stdout.write(f"{told}; {handed} commands wait for the lane.")

    def _read(self, sums: Sums) -> None:
        self._show(", ".join(f"{count} {part}" for part, count in sums.counts.items()))

    def _counted(self, recounted: Recount) -> None:
        self._show(f"{recounted.links.total()} links, {recounted.identifiers} identifiers differ")

    def _walked(self, report: Report) -> None:
        self._show(f"{report.graph.count} identifiers, {report.differing} differ")

    def _show(self, line: str) -> None:
        self.stderr.write(f"\r{line}", ending="")
        self.stderr.flush()


def _of_links(recounted: Recount) -> list[str]:
    found = []
    if recounted.links:
        ways = ", ".join(f"{count} {how}" for how, count in sorted(recounted.links.items()))
        found.append(f"links differ from what the touchpoints say ({ways})")
    if recounted.identifiers:
        found.append(f"{recounted.identifiers} identifiers are counted otherwise than they say")
    if recounted.lost:
        found.append(
            f"{recounted.lost} identifiers are lost from the graph (when the lane has made them again, run this once more to add them up)"
        )
    return found
