"""The campaign of kills: real processes, a real SMTP server, `kill -9` at random moments, and then the books are compared.

A kill counts only when the collector acknowledged about 1,000 touchpoints in the second before it, at least 1,000 of those wait, and at
least one delivery is in hand. To get there the lane is held (SIGSTOP) until enough waits and let go; a random moment later lane and
sender are stopped, looked at, and the victim is killed where it stands. The load goes on meanwhile. What a kill costs is bounded: where
too much waits for a lane that is slower, the load rests until there is room, so that nothing is refused. Stages that chance left out are
hit by a pause point (identity.stages). PostgreSQL and Neo4j, where they keep the stores, are killed too, and started again.
"""

import json
import logging
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.stream import Shop
from identity import stages
from tests.crash import servers
from tests.crash.load import Load
from tests.crash.report import LEAST_RATE, RATE, STAGES, Report
from tests.crash.servers import Stores
from tests.installation import Installation, installation_at
from tests.sink import Sink

log = logging.getLogger(__name__)

WAITING = 1_000  # acknowledged rows unprocessed, for a kill to count
ROOM = 3_000  # may wait when the load begins anew
RATION = 5 * RATE  # touchpoints from then on, through the kill and what follows it
CONNECTIONS = 4
TARGETS = ("lane", "send", "supervisor", "collector")
BETWEEN = "2 resolve"  # the graph store has committed the batch, the Django database has not
SET_UP = "from tests.crash.books import set_up; set_up()"
_PATIENCE = 300  # seconds until a moment that counts must come; mails wait while the lane is behind with wishes
_EMPTIED = 600  # seconds until the lane must have caught up
_MAY_LEAVE_UNKNOWN = {"send", "supervisor", "postgresql"}


class Campaign:
    """One installation under load, killed again and again."""

    def __init__(
        self, home: Installation, sink: Sink, stores: Stores, report: Report, *, seed: int
    ) -> None:
        self._home = home
        self._sink = sink
        self._servers = stores.servers
        self._random = random.Random(seed)
        self._stage_file = home.environment["FILROUGE_STAGE_FILE"]
        self.report = report

    def run(self, kills: int) -> None:
        """Kill as often, then each server, then at the points that are left; and compare the books."""
        began = time.monotonic()
        self._up()
        write_key = self._home.write_key("shop")
        self._home.shell(SET_UP)
        load = Load(self._home.collector, write_key, _shop(), RATE, connections=CONNECTIONS)
        self._load = load
        load.ration(RATION)
        load.start()
        try:
            self._home.wait_for(self._in_hand, "the first delivery", seconds=400)
            log.info("Mails go out")
            for target in self._plan(kills):
                self._kill(target)
            self._hit_what_chance_left_out()
        except BaseException:
            load.give_up()
            raise
        load.stop()
        self._drain()
        log.info("All is delivered: comparing the books")
        self._compare(load)
        self.report.seconds = time.monotonic() - began

    def _plan(self, kills: int) -> list[str]:
        """Return whom to kill: the processes in turn, and each server once for ten of those, at random moments."""
        plan = [TARGETS[number % len(TARGETS)] for number in range(kills)]
        for name in self._servers:
            for _ in range(max(1, kills // 10)):
                plan.insert(self._random.randint(0, len(plan)), name)
        return plan

    # --- Killing ---

    def _up(self) -> None:
        self._home.place.prepare()
        self._supervisor = self._home.start("up")
        self._home.wait_for(self._answers_and_runs, "everything to be up")

    def _kill(self, target: str) -> None:
        """Let enough wait; stop lane and sender at a random moment; kill the target if the moment counts."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            self._load_up()
            with self._held("lane"):
                self._home.wait_for(lambda: self._fed() and self._backlog(2), "a backlog")
            time.sleep(self._random.uniform(0, 0.2))
            with self._held(*([] if target in self._servers else ["lane", "send"])):
                struck = self._backlog() and self._in_hand() and self._strike(target)
            if struck:
                self._start_again(target)
                return
        raise AssertionError(
            f"no moment came that counts: {self._home.waiting()} wait, {self._in_hand()} in hand,"
            f" {self._load.rate()} acknowledged in the last second\n{self._home.last_words()}"
        )

    def _load_up(self) -> None:
        """Let the load go on once everything is up and there is room for it; return when the collector acknowledges all of it."""
        self._home.wait_for(self._answers_and_runs, "everything to be up")
        if (waiting := self._home.waiting()) > ROOM:
            log.info("%d wait: the load rests", waiting)
            self._load.ration(0)
            self._home.wait_for(
                lambda: self._home.waiting() <= ROOM, "room in the inbox", seconds=_EMPTIED
            )
        self._load.ration(RATION)
        self._home.wait_for(self._fed, "the load to be acknowledged")

    def _hit_what_chance_left_out(self) -> None:
        """Kill at each stage that was not hit, in a long campaign; between the two commits in any."""
        for role, points in STAGES.items():
            for point in points:
                wanted = self.report.every_stage or point == BETWEEN
                if wanted and not self.report.hits[point]:
                    self._hit(role, point)

    def _hit(self, role: str, point: str) -> None:
        """Let the process stop at the point, wait until enough waits, and kill it there.

        No delivery has to be in hand: while a lane stands still, wishes wait for it, and mails for the wishes.
        """
        self._load_up()
        pause = self._home.pause_at(point)
        self._home.wait_for(lambda: not pause.exists(), f"a pause at {point}")
        with self._held("lane"):
            self._home.wait_for(
                lambda: self._fed() and self._backlog() and self._strike(role),
                f"a load at {point}",
            )
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

    def _strike(self, target: str) -> bool:
        """Kill it, unless it is not there, or the collector has not acknowledged enough in the second before."""
        stages_now = {role: self._reached(role) for role in STAGES}
        pid = self._supervisor.pid if target == "supervisor" else self._pid(target)
        rate = self._load.rate()
        if rate < LEAST_RATE:
            return False
        if target in self._servers:
            self._servers[target].kill()
        elif pid:
            os.kill(pid, signal.SIGKILL)
        else:  # it is being started again; 0 would be this process and all that run with it
            return False
        log.info("Killed %s, with %d/s acknowledged; at %s", target, rate, stages_now)
        self.report.rates.append(rate)
        self.report.kills += 1
        self.report.killed[target] += 1
        self.report.deaths += target in _MAY_LEAVE_UNKNOWN
        for role, stage in stages_now.items():
            if target in {role, "supervisor"} and stage:
                self.report.hits[stage] += 1
        return True

    def _start_again(self, target: str) -> None:
        """After the supervisor's death its children end within 5 s, and the next `up` starts; it restarts the others itself."""
        if target in self._servers:
            self._servers[target].start()
        if target == "supervisor":
            self._supervisor.wait()
            self._home.wait_for(
                lambda: not self._home.workers(), "the end of the children", seconds=5
            )
            self._up()

    # --- Looking ---

    def _pid(self, role: str) -> int:
        return self._home.workers().get(role, 0)

    def _fed(self) -> bool:
        """Tell whether the collector acknowledges all of the load; let it go on where it rested."""
        if self._load.rests():
            self._load.ration(RATION)
        return self._load.rate() >= LEAST_RATE

    def _backlog(self, times: int = 1) -> bool:
        return self._home.waiting() >= times * WAITING

    def _answers_and_runs(self) -> bool:
        running = {"lane", "send"} <= set(self._home.workers())
        return running and self._home.answers(self._home.collector)

    def _reached(self, role: str) -> str:
        try:
            return stages.last(Path(f"{self._stage_file}.{self._pid(role)}")).split(":")[0]
        except OSError:
            return ""

    def _in_hand(self) -> int:
        """Return how many deliveries are being handed over at this moment."""
        return self._deliveries("handing_over")

    def _deliveries(self, *statuses: str) -> int:
        wanted = ", ".join(f"'{status}'" for status in statuses)
        return int(
            self._home.ask(f"SELECT count(*) FROM activation_delivery WHERE status IN ({wanted})")
        )

    # --- Comparing the books ---

    def _drain(self) -> None:
        self._sink.pause = 0
        log.info("Draining: %d wait", self._home.waiting())
        self._home.wait_for(
            lambda: self._home.waiting() == 0, "the inbox to be empty", seconds=_EMPTIED
        )
        log.info("The inbox is empty")
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
        report.set_aside = books["set_aside"]
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


def run(kind: str, directory: Path, *, kills: int, seed: int = 0) -> Report:
    """Run one campaign on stores of a kind and return what it saw. Raises Missing when a server cannot be had."""
    report = Report(kind, every_stage=kills > len(TARGETS))
    sink = Sink(pause=0.5)
    sink.start()
    try:
        settings = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(sink.port),
            "STAGE_FILE": str(directory / "stage"),
            "LANE_TIMEOUT": "180",  # it is held on purpose, and a Neo4j that has just started is slow
        }
        with (
            servers.own(kind, directory) as stores,
            installation_at(stores.place, directory, **settings) as home,
        ):
            Campaign(home, sink, stores, report, seed=seed).run(kills)
    finally:
        sink.stop()
    return report
