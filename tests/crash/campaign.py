"""The campaign of kills: real processes, a real SMTP server, `kill -9` at random moments, and then the books are compared.

A kill counts only when at least 1,000 acknowledged touchpoints wait and at least one delivery is in hand. To get there the lane is
held (SIGSTOP) until enough waits and let go; a random moment later lane and sender are stopped, looked at, and the victim is killed
where it stands. Each of the stages 1 to 7 is hit at least once: those that chance left out are hit by a pause point
(identity.stages).

`python -m tests.crash --kills 20` prints acknowledged / counted / sent / unknown; `--report FILE` writes it down.
"""

import argparse
import json
import os
import platform
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.stream import Shop
from identity import stages
from tests.crash.load import Load
from tests.installation import Installation, installation
from tests.sink import Sink

WAITING = 1_000  # acknowledged rows unprocessed, for a kill to count
TARGETS = ("collector", "lane", "send", "supervisor")
STAGES = {
    "lane": ("1 record", "2 resolve", "3 fold", "4 refresh", "5 react", "6 reserve"),
    "send": ("7 deliver",),
}
SET_UP = "from tests.crash.books import set_up; set_up()"
HEAD = """# The last campaign of kills

Written by `make soak`. `kill -9` of collector, lane, sender or supervisor under 1,000 touchpoints a second; each kill with at least
1,000 acknowledged touchpoints unprocessed and a delivery in hand. Every acknowledged touchpoint was counted exactly once, no message
came twice to the SMTP server, what reached it is recorded as sent or unknown, nobody got more marketing mails than the policy allows,
and no reservation was left behind. Acknowledged counts identify calls too, which are no contacts.
"""


@dataclass
class Report:
    """What the campaign saw. `hits` counts kills per stage, `killed` per process."""

    acknowledged: int = 0
    stored: int = 0
    contacts: int = 0
    counted: int = 0
    sent: int = 0
    unknown: int = 0
    twice: list[str] = field(default_factory=list)
    strangers: int = 0
    missing: int = 0
    over_the_limit: int = 0
    left_reserved: int = 0
    deaths: int = 0
    kills: int = 0
    paused: int = 0
    seconds: float = 0.0
    hits: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def faults(self) -> list[str]:
        """Return what must not be; empty when the campaign passed."""
        checks = {
            f"{self.missing} acknowledged touchpoints are missing": self.missing,
            f"{self.counted} contacts counted, {self.contacts} sent": self.counted
            != self.contacts,
            f"{self.stored} stored, {self.acknowledged} acknowledged": self.stored
            != self.acknowledged,
            f"{len(self.twice)} messages were sent twice: {self.twice[:3]}": self.twice,
            f"{self.strangers} messages sent without a record": self.strangers,
            f"{self.unknown} unknown, though senders died {self.deaths} times with one connection": (
                self.unknown > self.deaths
            ),
            f"{self.over_the_limit} people got more marketing mails than their limit": self.over_the_limit,
            f"{self.left_reserved} ledger rows stay reserved though their delivery is over": self.left_reserved,
            f"stages never hit: {sorted(set(_stages()) - set(self.hits))}": (
                self.kills > len(TARGETS) and set(_stages()) - set(self.hits)
            ),
        }
        return [text for text, bad in checks.items() if bad]

    def __str__(self) -> str:
        hits = ", ".join(f"{stage}: {count}" for stage, count in sorted(self.hits.items()))
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        return (
            f"kills {self.kills} ({killed}), of them {self.paused} at a pause point; {self.seconds:.0f} s\n"
            f"stages hit: {hits}\n"
            f"acknowledged {self.acknowledged} / counted {self.counted} / sent {self.sent}"
            f" / unknown {self.unknown}"
        )


def _stages() -> Iterator[str]:
    for points in STAGES.values():
        yield from points


class Campaign:
    """One installation under load, killed again and again."""

    def __init__(self, home: Installation, sink: Sink, *, kills: int, seed: int) -> None:
        self._home = home
        self._sink = sink
        self._kills = kills
        self._random = random.Random(seed)
        self._stage_file = home.directory / "stage"
        home.environment["FILROUGE_STAGE_FILE"] = str(self._stage_file)
        self.report = Report()

    def run(self) -> Report:
        began = time.monotonic()
        self._up()
        write_key = self._home.write_key("shop")
        self._home.shell(SET_UP)
        load = Load(self._home.collector, write_key, _shop(), 1_000)
        load.start()
        try:
            self._home.wait_for(self._in_hand, "the first delivery")
            for number in range(self._kills):
                self._kill(TARGETS[number % len(TARGETS)])
            if self._kills > len(TARGETS):
                self._hit_what_chance_left_out()
        except BaseException:
            load.give_up()
            raise
        load.stop()
        self._drain()
        self._compare(load)
        self.report.seconds = time.monotonic() - began
        return self.report

    # --- Killing ---

    def _up(self) -> None:
        self._supervisor = self._home.start("up")
        self._home.wait_for(self._answers_and_runs, "everything to be up")

    def _kill(self, target: str) -> None:
        """Let enough wait; stop lane and sender at a random moment; kill the target if the moment counts."""
        self._home.wait_for(self._answers_and_runs, "everything to be up")
        for _ in range(40):
            with self._held("lane"):
                self._home.wait_for(lambda: self._waiting() >= 2 * WAITING, "a backlog")
            time.sleep(self._random.uniform(0, 0.2))
            with self._held("lane", "send"):
                struck = self._counts()
                if struck:
                    self._strike(target)
            if struck:
                self._start_again(target)
                return
        raise AssertionError(f"no moment came that counts: {self._waiting()} {self._in_hand()}")

    def _hit_what_chance_left_out(self) -> None:
        for role, points in STAGES.items():
            for point in points:
                if not self.report.hits[point]:
                    self._hit(role, point)

    def _hit(self, role: str, point: str) -> None:
        """Let the process stop at the point, wait until the moment counts, and kill it there."""
        self._home.wait_for(self._answers_and_runs, "everything to be up")
        pause = Path(f"{self._stage_file}.pause")
        draft = pause.with_suffix(".draft")
        draft.write_text(point)
        draft.rename(pause)
        self._home.wait_for(lambda: not pause.exists(), f"a pause at {point}")
        with self._held("lane"):
            self._home.wait_for(self._counts, f"a moment that counts at {point}")
            self._strike(role)
        self.report.paused += 1

    @contextmanager
    def _held(self, *roles: str) -> Iterator[None]:
        """Stop processes while the context lasts; one that is killed meanwhile is not woken."""
        pids = [pid for pid in map(self._pid, roles) if pid]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _counts(self) -> bool:
        return self._waiting() >= WAITING and self._in_hand() >= 1

    def _strike(self, target: str) -> None:
        report = self.report
        stages_now = {role: self._reached(role) for role in STAGES}
        pid = self._supervisor.pid if target == "supervisor" else self._pid(target)
        os.kill(pid, signal.SIGKILL)
        report.kills += 1
        report.killed[target] += 1
        report.deaths += target in {"send", "supervisor"}
        for role, stage in stages_now.items():
            if target in {role, "supervisor"} and stage:
                report.hits[stage] += 1

    def _start_again(self, target: str) -> None:
        """After the supervisor's death its children end within 5 s, and the next `up` starts; it restarts the others itself."""
        if target == "supervisor":
            self._supervisor.wait()
            self._home.wait_for(lambda: not self._pids(), "the end of the children", seconds=5)
            self._up()

    # --- Looking ---

    def _pids(self) -> dict[str, int]:
        """Return the process ids of this installation's workers, by role; the oldest of each."""
        found: dict[str, int] = {}
        for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                ours = f"FILROUGE_DATA_DIR={self._home.directory}\0".encode()
                if b"worker" in words and ours in (entry / "environ").read_bytes():
                    role = words[words.index(b"--role") + 1].decode()
                    found.setdefault(role, int(entry.name))
        return found

    def _pid(self, role: str) -> int:
        return self._pids().get(role, 0)

    def _answers_and_runs(self) -> bool:
        return self._home.answers(self._home.collector) and {"lane", "send"} <= set(self._pids())

    def _reached(self, role: str) -> str:
        try:
            return stages.last(Path(f"{self._stage_file}.{self._pid(role)}")).split(":")[0]
        except OSError:
            return ""

    def _query(self, file: str, sql: str) -> list[tuple[object, ...]]:
        path = self._home.directory / file
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as connection:
            return list(connection.execute(sql))

    def _number(self, file: str, sql: str) -> int:
        return int(str(self._query(file, sql)[0][0] or 0))

    def _waiting(self) -> int:
        newest = self._number("inbox.sqlite3", "SELECT max(number) FROM live")
        return newest - self._number(
            "filrouge.sqlite3", "SELECT live_position FROM identity_lane WHERE id = 1"
        )

    def _in_hand(self) -> int:
        """Return how many deliveries are being handed over at this moment."""
        return self._deliveries("handing_over")

    def _deliveries(self, *statuses: str) -> int:
        wanted = ", ".join(f"'{status}'" for status in statuses)
        return self._number(
            "filrouge.sqlite3",
            f"SELECT count(*) FROM activation_delivery WHERE status IN ({wanted})",
        )

    # --- Comparing the books ---

    def _drain(self) -> None:
        self._sink.pause = 0
        self._home.wait_for(lambda: self._waiting() == 0, "the inbox to be empty", seconds=300)
        self._home.wait_for(
            lambda: not self._deliveries("queued", "handing_over"), "the deliveries", seconds=300
        )

    def _compare(self, load: Load) -> None:
        acknowledged = self._home.directory / "acknowledged.json"
        acknowledged.write_text(json.dumps(sorted(load.acknowledged)))
        show = f"from tests.crash.books import show; show('shop', {str(acknowledged)!r})"
        books = json.loads(self._home.shell(show))
        report = self.report
        report.acknowledged = len(load.acknowledged)
        report.missing = len(books["missing"])
        report.contacts = sum(event["type"] != "identify" for event in load.sent)
        report.stored = books["stored"]
        report.counted = books["counted"]
        report.over_the_limit = books["over_the_limit"]
        report.left_reserved = books["left_reserved"]
        report.unknown = len(books["unknown"])
        report.sent = sum(self._sink.message_ids.values())
        report.twice = [key for key, times in self._sink.message_ids.items() if times > 1]
        known = set(books["committed"]) | set(books["unknown"])
        report.strangers = len(set(self._sink.message_ids) - known)


def _shop() -> Iterator[Mapping[str, Any]]:
    """Draw touchpoints of 400 people who all want mail."""
    for event in Shop(400, seed=1).touchpoints(2_000_000):
        if event["type"] == "identify":
            event["traits"]["consent"] = {"marketing": True}
        yield event


def run(directory: Path, *, kills: int, seed: int = 0) -> Report:
    """Run one campaign in the directory and return what it saw."""
    sink = Sink(pause=0.5)
    sink.start()
    try:
        settings = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(sink.port)}
        with installation(directory, **settings) as home:
            return Campaign(home, sink, kills=kills, seed=seed).run()
    finally:
        sink.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="filrouge-crash-") as directory:
        report = run(Path(directory), kills=options.kills, seed=options.seed)
    faults = report.faults()
    sys.stdout.write(f"{report}\n" + "".join(f"FAULT: {fault}\n" for fault in faults))
    if options.report and not faults:
        write(report, options.report)
    return 1 if faults else 0


def write(report: Report, file: Path) -> None:
    """Write the report of a campaign that passed, with the machine that it ran on."""
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    file.write_text(f"{HEAD}\n{machine}\n\n```\n{report}\n```\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
