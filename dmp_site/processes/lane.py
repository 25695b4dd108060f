"""The lane: the one process that takes touchpoints from the inbox through stages 1 to 6.

It alone decides and reserves. Others stand by for its lock. A batch that fails is halved until the culprit stands alone; a
store that is away is waited for. See docs/concepts.md.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.db import InterfaceError, OperationalError, connections, transaction

from dmp_site import pipeline
from dmp_site.processes.attempts import Attempt, Attempts
from dmp_site.processes.lock import LaneLock
from identity.clock import SECOND, Instant, now
from identity.errors import DomainError
from identity.graph.port import GraphStore, LaneSuperseded, StoreAway
from identity.profiles import resolve
from identity.touchpoints import aside, commands, decode, lane
from identity.touchpoints.inbox.port import Claim, InboxAway, InboxReader
from identity.touchpoints.types import BatchContext, InboxRow, Mode

log = logging.getLogger(__name__)

BATCH = 500
IDLE = 0.02  # seconds between looks at an empty inbox
OUTAGES = (StoreAway, InboxAway, OperationalError, InterfaceError, OSError)
_LONGEST_WAIT = 10.0


@dataclass
class LaneLoop:
    """One lane's life. `epoch` was raised for it in both stores before it begins."""

    graph: GraphStore
    inbox: InboxReader
    lock: LaneLock
    attempts: Attempts
    epoch: int
    limit: int = BATCH
    clock: Callable[[], Instant] = now
    _cautious_until: int = 0
    _beaten_at: Instant = 0
    _waits: float = field(default=0.0)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. Raises LaneSuperseded when another lane has taken over."""
        self._recover()
        while not stop.is_set() and self.lock.held():
            try:
                pause = 0.0 if self.step() else IDLE
                self._waits = 0.0
            except OUTAGES as error:
                pause = self._outage(error)
            stop.wait(pause)

    def step(self) -> bool:
        """Do one round: heartbeat, commands, one claim, what the clock made due. Return whether anything was done."""
        self._beat()
        worked = self._execute_commands()
        claim = self.inbox.claim(self.limit, self.clock())
        if claim.rows:
            self._take(claim)
            self._relax(claim)
        due = pipeline.tick(self._context(claim.mode, claim.horizon))
        return worked or bool(claim.rows) or due

    # --- A claim, whole or in halves ---

    def _take(self, claim: Claim) -> None:
        if len(claim.rows) == 1 and claim.rows[0].number <= self._cautious_until:
            self._take_alone(claim)
            return
        try:
            self._attempt(claim)
        except (LaneSuperseded, *OUTAGES):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: find the row that does it
            log.warning("A batch of %d failed (%s); looking for the row", len(claim.rows), error)
            self._cautious_until = claim.rows[-1].number
            for half in _halves(claim.rows):
                self._take(replace(claim, rows=half))

    def _take_alone(self, claim: Claim) -> None:
        """Try a suspect row by itself, with its tries written first; set it aside when they are used up."""
        row = claim.rows[0]
        error = "the process died each time"
        while aside.trying(row, self.clock()):
            try:
                self._attempt(claim)
            except (LaneSuperseded, *OUTAGES):
                raise
            except Exception as failure:  # noqa: BLE001 - the reason is stored with the row
                error = f"{type(failure).__name__}: {failure}"
            else:
                aside.done(row.number)
                return
        self._set_aside(claim, error)

    def _attempt(self, claim: Claim) -> None:
        self.attempts.begin(Attempt(claim.rows[0].number, claim.rows[-1].number, len(claim.rows)))
        pipeline.process(
            claim.rows,
            self._context(claim.mode, claim.horizon),
            graph=self.graph,
            settle=lambda: self.inbox.settle(claim),
        )
        self.attempts.end()

    def _set_aside(self, claim: Claim, error: str) -> None:
        row = claim.rows[0]
        touchpoint = decode.identity_of(row)
        log.error("Touchpoint %d is set aside: %s", row.number, error)
        changed = (
            self.graph.set_aside([touchpoint], epoch=self.epoch, aside=True) if touchpoint else ()
        )
        with transaction.atomic():
            lane.compare_epoch(self.epoch)
            pipeline.regroup(changed, self._context(claim.mode, claim.horizon), newborn=False)
            aside.set_aside(row.number, touchpoint, error, self.clock())
            self.inbox.settle(claim)
        self.attempts.end()

    # --- Commands ---

    def _execute_commands(self) -> bool:
        waiting = commands.waiting(100)
        for command in waiting:
            error = ""
            try:
                self._execute(command.kind, command.payload)
            except DomainError as refusal:
                error = refusal.message
            with transaction.atomic():
                lane.compare_epoch(self.epoch)
                commands.finish(command.pk, self.clock(), error)
        return bool(waiting)

    def _execute(self, kind: str, payload: dict[str, object]) -> None:
        if kind == aside.RETRY:
            self._retry(int(str(payload["number"])))
            return
        context = self._context(Mode.LIVE, self.clock())
        if kind == resolve.REGROUP:
            pipeline.repair(payload, context, graph=self.graph)
            return
        pipeline.execute(kind, payload, context)

    def _retry(self, number: int) -> None:
        row = aside.row(number)
        touchpoint = decode.identity_of(row)
        if touchpoint:
            self.graph.set_aside([touchpoint], epoch=self.epoch, aside=False)
        claim = Claim(rows=[row], mode=row.mode, horizon=0)
        try:
            pipeline.process(
                claim.rows,
                self._context(row.mode, 0),
                graph=self.graph,
                settle=lambda: aside.done(number),
            )
        except (LaneSuperseded, *OUTAGES):
            raise
        except Exception as failure:  # noqa: BLE001 - the reason is stored with the row
            if touchpoint:
                self.graph.set_aside([touchpoint], epoch=self.epoch, aside=True)
            aside.set_aside(
                number, touchpoint, f"{type(failure).__name__}: {failure}", self.clock()
            )

    # --- Life ---

    def _context(self, mode: Mode, horizon: Instant) -> BatchContext:
        return BatchContext(now=self.clock(), horizon=horizon, mode=mode, epoch=self.epoch)

    def _beat(self) -> None:
        moment = self.clock()
        if moment - self._beaten_at >= SECOND:
            with transaction.atomic():
                lane.beat(self.epoch, moment)
            self._beaten_at = moment

    def _recover(self) -> None:
        """After a lane that died in a batch: take the same rows in smaller batches, a lone one with its tries counted."""
        left = self.attempts.left()
        if left is None:
            return
        log.warning("The previous lane died in a batch of %d; going on with care", left.rows)
        self._cautious_until = left.last
        self.limit = max(1, left.rows // 2)

    def _relax(self, claim: Claim) -> None:
        if claim.rows[-1].number >= self._cautious_until:
            self.limit = BATCH

    def _outage(self, error: BaseException) -> float:
        self._waits = min(_LONGEST_WAIT, max(0.5, self._waits * 2))
        log.warning("A store is away (%s); waiting %.1f s", error, self._waits)
        connections["default"].close()
        return self._waits


def _halves(rows: Sequence[InboxRow]) -> list[Sequence[InboxRow]]:
    middle = len(rows) // 2
    return [half for half in (rows[:middle], rows[middle:]) if half]


def stand_by(lock: LaneLock, stop: threading.Event) -> bool:
    """Wait for the lock; return False when told to stop first."""
    while not lock.acquire():
        if stop.wait(0.5):
            return False
    return True


def attempts_at(directory: Path) -> Attempts:
    return Attempts(directory / "lane.attempt")
