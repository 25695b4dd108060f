"""The lane: the one process that takes touchpoints from the inbox through stages 1 to 6.

It alone decides and reserves. Others stand by for its lock. A batch that fails is halved until the culprit stands alone; a
store that is away is waited for. See docs/concepts.md.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.db import connections

from dmp_site import on_graph, pipeline
from dmp_site.erasing import steps
from dmp_site.erasing.cleanings import Cleaning
from dmp_site.processes.attempts import Attempts
from dmp_site.processes.care import Care
from dmp_site.processes.claims import Claims, settling
from dmp_site.processes.clockwork import Clockwork
from dmp_site.processes.crowds import Crowds
from dmp_site.processes.errands import Errands
from dmp_site.processes.lock import LaneLock
from dmp_site.processes.outages import away, foreseen
from identity import faults, stages
from identity.clock import SECOND, Instant, now
from identity.graph.port import GraphStore, StoreAway
from identity.privacy import erasures
from identity.touchpoints import aside, commands, installation, lane
from identity.touchpoints.inbox.port import InboxReader
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext, Mode

log = logging.getLogger(__name__)

IDLE = 0.02  # seconds between looks at an empty inbox
_LONGEST_WAIT = 10.0
_ERASING = 0.05  # seconds that parts of one erasure take between two claims


@dataclass
class LaneLoop:
    """One lane's life. `epoch` was raised for it in the Django database before it begins, and in the graph store when it has joined."""

    graph: GraphStore
    inbox: InboxReader
    lock: LaneLock
    attempts: Attempts
    epoch: int
    clock: Callable[[], Instant] = now
    stopwatch: Callable[[], float] = time.perf_counter
    care: dict[Mode, Care] = field(default_factory=dict)
    _clockwork: Clockwork = field(default_factory=lambda: Clockwork(foreseen))
    _beaten_at: Instant = 0
    _waits: float = 0.0
    _said: tuple[str, int] | None = None
    _cleanings: dict[int, Cleaning] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph.patience = 1
        for mode in Mode:
            self.care.setdefault(mode, Care.of(self.graph.batch))
        self._claims = Claims(
            self.graph, self.inbox, self.attempts, self.epoch, self.clock, self.care
        )
        self._crowds = Crowds(self._claims, self.stopwatch)
        self._errands = Errands(
            self._execute, self.attempts, self.epoch, self.clock, self.stopwatch
        )
        self._claims.begin()
        self._errands.begin()

    def join(self, stop: threading.Event) -> bool:
        """Let only this lane write to the graph store; wait while that is away. Return False when told to stop first, or the lock is lost.

        Raises Foreign or GraphMissing when it is not this installation's, LaneSuperseded when another lane has taken over.
        """
        while not stop.is_set() and self.lock.held():
            try:
                self._beat()
                installation.verify_graph(self.graph.uuid())
                self._beat()
                self.graph.raise_epoch(self.epoch)
            except Exception as error:
                if not away(error):
                    raise
                stop.wait(self._outage(error))
            else:
                return True
        return False

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, or until the lock is lost. Raises LaneSuperseded when another lane has taken over."""
        while not stop.is_set() and self.lock.held():
            stop.wait(self.turn())
        if not stop.is_set():
            log.warning("The lane's lock is lost: this lane ends")

    def turn(self) -> float:
        """Do one round, in which a store may be away; return how many seconds to wait before the next."""
        try:
            return self._round()
        except Exception as error:
            if not away(error):
                raise
            return self._outage(error)

    def _round(self) -> float:
        """Take a step, unless a backup lets the lane rest; return how long to wait then."""
        with self.lock.working() as may:
            self._beat()
            worked = may and self.step()
        self._waits = 0.0
        self._say("" if may else lane.RESTS)
        return 0.0 if worked else IDLE

    def step(self) -> bool:
        """Do one round: heartbeat, one claim, a crowd's turn, commands, what the clock made due. Return whether anything was done.

        Commands and clock come behind the claim, and see the world as of its horizon: every row received before is processed.
        """
        try:
            return self._step()
        finally:
            stages.leave()

    def _step(self) -> bool:
        self._beat()
        claim = self._claims.take()
        context = self._claims.context(replace(claim, mode=Mode.LIVE))
        turned = self._crowds.run(claim.horizon, busy=bool(claim.rows))
        executed = self._errands.run(context)
        due = self._clockwork.run(context)
        return bool(claim.rows) or turned or executed or due

    # --- Commands ---

    def _execute(self, command: LaneCommand, context: BatchContext) -> None:
        """Do it, and mark it as done in the same transaction."""

        def finish() -> None:
            commands.finish(command.pk, self.clock())

        def fence() -> AbstractContextManager[None]:
            return settling(self.epoch, finish)

        kind, payload = command.kind, command.payload
        if kind == aside.RETRY:
            self._claims.retry(int(payload["number"]), context.horizon, finish)
        elif found := on_graph.ON_GRAPH.get(kind):
            found(kind, payload, context, graph=self.graph, fence=fence)
        elif kind == erasures.ERASE:
            self._erase(command, context, fence)
        else:
            pipeline.execute(kind, payload, context, fence=fence)

    def _erase(
        self,
        command: LaneCommand,
        context: BatchContext,
        last: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Do some parts of an erasure; the command stays open, and is taken up again after the next claim, until the last is done."""

        def part() -> AbstractContextManager[None]:
            return settling(self.epoch, lambda: commands.went_on(command.pk))

        pipeline.rules(self.graph)
        tools = steps.Tools(self.graph, context, part, last, self._cleanings)
        until = time.perf_counter() + _ERASING
        while not steps.advance(command.payload, tools) and time.perf_counter() < until:
            self._beat()

    # --- Life ---

    def _beat(self) -> None:
        moment = self.clock()
        if moment - self._beaten_at >= SECOND:
            lane.beat(self.epoch, moment)
            self._beaten_at = moment

    def _outage(self, error: Exception) -> float:
        self._waits = min(_LONGEST_WAIT, max(0.5, self._waits * 2))
        log.warning("A store is away (%s); waiting %.1f s", faults.said(error), self._waits)
        connections["default"].close()
        for care in (*self.care.values(), self._claims.turn):
            care.away()
        patience = self.graph.patience * (2 if isinstance(error, StoreAway) else 1)
        try:
            self._beat()
            self._say(faults.said(error), min(patience, self.graph.most_patience))
        except Exception as worse:
            if not away(worse):  # it may be the very store that would keep it
                raise
        return self._waits

    def _say(self, trouble: str, patience: int = 1) -> None:
        """Say what holds the lane up; only then give the graph store more time: who watches the heartbeat must know first."""
        if (trouble, patience) != self._said:
            lane.say(trouble, self.clock(), epoch=self.epoch, patience=patience)
            self._said = trouble, patience
        self.graph.patience = patience


def attempts_at(directory: Path) -> Attempts:
    return Attempts(directory / "lane.attempt")
