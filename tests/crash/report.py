"""What a campaign of kills saw, and what of it must not be."""

import os
import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STAGES = {
    "lane": ("1 record", "2 resolve", "3 fold", "4 refresh", "5 react", "6 reserve"),
    "send": ("7 deliver",),
}
HEAD = """# The last campaign of kills

Written by `make soak`. `kill -9` of collector, lane, sender, supervisor and the servers of the stores under 1,000 touchpoints a second;
each random kill of a process of ours with at least 1,000 acknowledged touchpoints unprocessed and a delivery in hand. Every acknowledged
touchpoint was counted exactly once, none was set aside, no message came twice to the SMTP server, what reached it is recorded as sent
or unknown, nobody got more marketing mails than the policy allows, and no reservation was left behind. Acknowledged counts identify
calls too, which are no contacts.
"""


@dataclass
class Report:
    """What the campaign saw. `hits` counts kills per stage, `killed` per process, `deaths` those that may leave one delivery unknown."""

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
    hits: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def faults(self) -> list[str]:
        """Return what must not be; empty when the campaign passed."""
        left_out = set(stages()) - set(self.hits) if self.every_stage else set()
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
            f"stages never hit: {sorted(left_out)}": left_out,
        }
        return [text for text, bad in checks.items() if bad]

    def __str__(self) -> str:
        hits = ", ".join(f"{stage}: {count}" for stage, count in sorted(self.hits.items()))
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        return (
            f"{self.stores}: kills {self.kills} ({killed}), of them {self.paused} at a pause point; {self.seconds:.0f} s\n"
            f"stages hit: {hits}\n"
            f"acknowledged {self.acknowledged} / counted {self.counted} / sent {self.sent}"
            f" / unknown {self.unknown}"
        )


def stages() -> Iterator[str]:
    for points in STAGES.values():
        yield from points


def write(reports: Sequence[Report], file: Path) -> None:
    """Write the reports of campaigns that passed, with the machine that they ran on."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    said = "\n\n".join(map(str, reports))
    file.write_text(f"{HEAD}\n{machine}\n\n```\n{said}\n```\n", encoding="utf-8")
