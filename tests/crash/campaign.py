"""The campaign of kills: real processes, a real SMTP server, `kill -9` at random moments, and then the books are compared.

A kill counts only when at least 1,000 acknowledged touchpoints wait and at least one delivery is in hand. To get there the lane is
held (SIGSTOP) until enough waits, let go, and killed a random moment later. Each of the stages 1 to 7 is hit at least once: those
that chance left out are hit by a pause point (identity.stages).

`python -m tests.crash.campaign --kills 20` prints acknowledged / counted / sent / unknown.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

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
    kills: int = 0
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
            f"{self.unknown} unknown after {self.kills} kills": self.unknown > self.kills,
            f"stages never hit: {sorted(set(_stages()) - set(self.hits))}": (
                self.kills >= len(TARGETS) and set(_stages()) - set(self.hits)
            ),
        }
        return [text for text, bad in checks.items() if bad]

    def __str__(self) -> str:
        hits = ", ".join(f"{stage}: {count}" for stage, count in sorted(self.hits.items()))
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        return (
            f"kills {self.kills} ({killed})\nstages hit: {hits}\n"
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
        self._up()
        write_key = self._home.write_key("shop")
        self._home.shell(SET_UP)
        load = Load(
            self._home.collector, write_key, Shop(2_000, seed=1).touchpoints(2_000_000), 1_000
        )
        load.start()
        try:
            for number in range(self._kills):
                self._kill(TARGETS[number % len(TARGETS)])
            if self._kills >= len(TARGETS):
                self._hit_what_chance_left_out()
        finally:
            load.stop()
        self._drain()
        self._compare(load)
        return self.report

    # --- Killing ---

    def _up(self, **environment: str) -> None:
        self._supervisor = self._home.start("up", **environment)
        self._home.wait_for(lambda: self._home.answers(self._home.collector), "the collector")
        self._home.wait_for(lambda: self._pid("lane"), "the lane")

    def _kill(self, target: str) -> None:
        """Hold the lane until enough waits, let it go, kill the target a moment later."""
        self._home.wait_for(self._answers_and_runs, "everything to be up")
        for _ in range(20):
            lane = self._pid("lane")
            os.kill(lane, signal.SIGSTOP)
            self._home.wait_for(lambda: self._waiting() >= 3 * WAITING, "a backlog")
            os.kill(lane, signal.SIGCONT)
            time.sleep(self._random.uniform(0, 0.25))
            if self._waiting() >= WAITING and self._in_hand():
                break
        else:
            raise AssertionError("no moment came that counts")
        self._strike(target)

    def _strike(self, target: str) -> None:
        pid = self._supervisor.pid if target == "supervisor" else self._pid(target)
        reached = self._reached("lane"), self._reached("send")
        os.kill(pid, signal.SIGKILL)
        if target == "supervisor":
            self._children_end()
            self._up()
        self.report.kills += 1
        self.report.killed[target] += 1
        if target in {"lane", "supervisor"}:
            self.report.hits[reached[0]] += 1
        if target in {"send", "supervisor"}:
            self.report.hits[reached[1]] += 1

    def _hit_what_chance_left_out(self) -> None:
        for role, points in STAGES.items():
            for point in points:
                if not self.report.hits[point]:
                    self._hit(role, point)

    def _hit(self, role: str, point: str) -> None:
        """Let the process stop at the point and kill it there; then start everything without the pause."""
        self._end_supervisor()
        self._up(FILROUGE_PAUSE_AT=point)
        self._home.wait_for(lambda: self._reached(role) == point, f"a pause at {point}")
        self._home.wait_for(lambda: self._waiting() >= WAITING, "a backlog")
        os.kill(self._pid(role), signal.SIGKILL)
        self.report.kills += 1
        self.report.killed[role] += 1
        self.report.hits[point] += 1
        self._end_supervisor()
        self._up()

    def _end_supervisor(self) -> None:
        os.kill(self._supervisor.pid, signal.SIGKILL)
        self._children_end()

    def _children_end(self) -> None:
        self._supervisor.wait()
        self._home.wait_for(lambda: not self._pids(), "the children's end within 5 s", seconds=5)

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
        return self._number(
            "filrouge.sqlite3",
            "SELECT count(*) FROM activation_delivery WHERE status IN ('queued', 'handing_over')",
        )

    # --- Comparing the books ---

    def _drain(self) -> None:
        self._sink.pause = 0
        self._home.wait_for(lambda: self._waiting() == 0, "the inbox to be empty", seconds=300)
        self._home.wait_for(lambda: self._in_hand() == 0, "the deliveries", seconds=300)

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
        report.unknown = len(books["unknown"])
        report.sent = sum(self._sink.message_ids.values())
        report.twice = [key for key, times in self._sink.message_ids.items() if times > 1]
        known = set(books["committed"]) | set(books["unknown"])
        report.strangers = len(set(self._sink.message_ids) - known)


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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="filrouge-crash-") as directory:
        report = run(Path(directory), kills=options.kills, seed=options.seed)
    faults = report.faults()
    sys.stdout.write(f"{report}\n" + "".join(f"FAULT: {fault}\n" for fault in faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
