"""What a campaign of kills saw, and what of it must not be."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import report as measured
from tests.servers.program import Missing

RATE = 1_000  # touchpoints a second
LEAST_RATE = 900  # of them acknowledged in the second before a kill, for it to count
STAGES = {
    "lane": ("1 record", "2 resolve", "3 fold", "4 refresh", "5 react", "6 reserve"),
    "send": ("7 deliver",),
}
HEAD = f"""# The last campaigns of kills

Written by `make soak`, one on each kind of stores. `kill -9` of collector, lane, sender, supervisor and the servers of the stores.
A kill counts only when {LEAST_RATE} or more of {RATE:,} touchpoints were acknowledged in the second before it; between kills the load rests for a slower lane.
Each random kill came with at least 1,000 acknowledged touchpoints unprocessed and a delivery in hand. Every acknowledged touchpoint
was counted exactly once, none was set aside, no message came twice to the SMTP server, what reached it is recorded as sent or unknown,
nobody got more marketing mails than the policy allows, and no reservation was left behind. Acknowledged counts identify calls too,
which are no contacts. Under "All long runs" stands what else `make soak` ran: properties with many examples, outages, the recorded stream;
under "All tests with servers" what `make test-served` ran, by group.
"""
RUNS = {"soak": "All long runs", "served": "All tests with servers"}
_TITLES = {
    f"{run}_{kind}": f"{title} on {name}"
    for run, title in RUNS.items()
    for kind, name in measured.STORES.items()
}


@dataclass
class Report:
    """What the campaign saw.

    `hits` counts kills per stage, `killed` per process, `deaths` those that may leave one delivery unknown; `rates` holds, for each
    kill, how many touchpoints were acknowledged in the second before.
    """

    stores: str
    acknowledged: int = 0
    stored: int = 0
    contacts: int = 0
    counted: int = 0
    sent: int = 0
    unknown: int = 0
    twice: list[str] = field(default_factory=list)
    strangers: int = 0
    missing: int = 0
    set_aside: int = 0
    over_the_limit: int = 0
    left_reserved: int = 0
    deaths: int = 0
    kills: int = 0
    paused: int = 0
    seconds: float = 0.0
    every_stage: bool = False  # whether each has to be hit
    rates: list[int] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def faults(self) -> list[str]:
        """Return what must not be; empty when the campaign passed."""
        left_out = set(stages()) - set(self.hits) if self.every_stage else set()
        slow = [rate for rate in self.rates if rate < LEAST_RATE]
        checks = {
            f"{self.missing} acknowledged touchpoints are missing": self.missing,
            f"{self.counted} contacts counted, {self.contacts} sent": self.counted
            != self.contacts,
            f"{self.stored} stored, {self.acknowledged} acknowledged": self.stored
            != self.acknowledged,
            f"{self.set_aside} touchpoints were set aside": self.set_aside,
            f"{len(self.twice)} messages were sent twice: {self.twice[:3]}": self.twice,
            f"{self.strangers} messages sent without a record": self.strangers,
            f"{self.unknown} unknown, though senders died {self.deaths} times with one connection": (
                self.unknown > self.deaths
            ),
            f"{self.over_the_limit} people got more marketing mails than their limit": self.over_the_limit,
            f"{self.left_reserved} ledger rows stay reserved though their delivery is over": self.left_reserved,
            f"{len(slow)} kills with fewer than {LEAST_RATE} acknowledged in the second before: {slow[:3]}": slow,
            f"{self.kills} kills, but {len(self.rates)} rates": self.kills != len(self.rates),
            f"stages never hit: {sorted(left_out)}": left_out,
        }
        return [text for text, bad in checks.items() if bad]

    def __str__(self) -> str:
        hits = ", ".join(f"{stage}: {count}" for stage, count in sorted(self.hits.items()))
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        rates = self.rates or [0]
        return (
            f"{self.stores}: kills {self.kills} ({killed}), of them {self.paused} at a pause point; {self.seconds:.0f} s\n"
            f"stages hit: {hits}\n"
            f"acknowledged in the second before a kill: least {min(rates)}, median {median(rates):.0f};"
            f" {self.acknowledged / max(1.0, self.seconds):.0f}/s over the whole campaign\n"
            f"acknowledged {self.acknowledged} / counted {self.counted} / sent {self.sent}"
            f" / unknown {self.unknown}"
        )


def stages() -> Iterator[str]:
    for points in STAGES.values():
        yield from points


def write(report: Report, file: Path) -> None:
    """Write the report of a campaign that passed beside those on other stores."""
    _document(file).write(report.stores, measured.machine(), f"```\n{report}\n```")


def leave_out(kind: str, missing: Missing, file: Path) -> None:
    """Write that there was no campaign on these stores, and why."""
    _document(file).write(kind, measured.machine(), f"Left out, for want of {missing}.")


def write_runs(
    run: str, kind: str, minutes: Mapping[str, float], outcome: str, file: Path
) -> None:
    """Write how long each part of a run (a key of RUNS) took on these stores, and how many tests passed."""
    lines = [*measured.table("test" if run == "soak" else "group", "minutes")]
    lines += [measured.row(name, f"{spent:.1f}") for name, spent in sorted(minutes.items())]
    _document(file).write(f"{run}_{kind}", measured.machine(), "\n".join([*lines, "", outcome]))


def _document(file: Path) -> measured.Report:
    return measured.Report(file, HEAD, {**measured.STORES, **_TITLES})
