"""The lane: the one process that takes touchpoints from the inbox through stages 1 to 6.

It alone decides and reserves. Others stand by for its lock. A batch that fails is halved until the culprit stands alone; a
store that is away is waited for. See docs/concepts.md.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.db import connections

from dmp_site import pipeline
from dmp_site.processes import turns
from dmp_site.processes.attempts import Attempt, Attempts
from dmp_site.processes.care import Care
from dmp_site.processes.clockwork import Clockwork
from dmp_site.processes.errands import Errands
from dmp_site.processes.lock import LaneLock
from identity import stages
from identity.clock import SECOND, Instant, now
from identity.graph.port import GraphStore, LaneSuperseded, StoreAway
from identity.outage import is_outage
from identity.profiles import resolve
from identity.touchpoints import aside, commands, decode, lane
from identity.touchpoints.inbox.port import Claim, InboxReader
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext, InboxRow, Mode

log = logging.getLogger(__name__)

IDLE = 0.02  # seconds between looks at an empty inbox
_LONGEST_WAIT = 10.0


@dataclass
class LaneLoop:
    """One lane's life. `epoch` was raised for it in both stores before it begins."""

    graph: GraphStore
    inbox: InboxReader
    lock: LaneLock
    attempts: Attempts
    epoch: int
    clock: Callable[[], Instant] = now
    _care: dict[Mode, Care] = field(default_factory=dict)
    _clockwork: Clockwork = field(default_factory=lambda: Clockwork(foreseen))
    _owed: int = 0  # the row whose try was written and did not count
    _beaten_at: Instant = 0
    _waits: float = 0.0
    _said: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        """After a lane that died in a batch: take the same rows in smaller batches, a lone one with its tries counted."""
        self.graph.patience = 1
        for mode in Mode:
            self._care.setdefault(mode, Care.of(self.graph.batch))
        self._errands = Errands(self._execute, self.attempts, self.epoch, self.clock, foreseen)
        left = self.attempts.left()
        if isinstance(left, int):
            log.warning("The lane before died in command %d", left)
            commands.suspect(left, epoch=self.epoch)
        elif left is not None:
            log.warning("The lane before died in a batch of %d; going on with care", left.rows)
            self._care[left.mode].died(left.last, left.rows)
        for mode, number in aside.suspects().items():
            self._care[mode].suspect(number)

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
        """Do one round: heartbeat, one claim, commands, what the clock made due. Return whether anything was done.

        Commands and clock come behind the claim, and see the world as of its horizon: every row received before is processed.
        """
        try:
            return self._step()
        finally:
            stages.leave()

    def _step(self) -> bool:
        self._beat()
        self._pay_back()
        limits = {mode: care.limit for mode, care in self._care.items()}
        claim = self.inbox.claim(limits, self.clock())
        if claim.rows:
            self._take(claim)
            self._care[claim.mode].passed(claim.rows[-1].number)
        context = self._context(replace(claim, mode=Mode.LIVE))
        executed = self._errands.run(context)
        due = self._clockwork.run(context)
        return bool(claim.rows) or executed or due

    # --- A claim, whole or in halves ---

    def _take(self, claim: Claim) -> None:
        care = self._care[claim.mode]
        if len(claim.rows) == 1 and care.suspects(claim.rows[0].number):
            self._take_alone(claim, lambda: self.inbox.settle(claim))
            return
        try:
            self._attempt(claim, lambda: self.inbox.settle(claim))
        except Exception as error:
            if foreseen(error):
                raise
            log.warning("A batch of %d failed (%s); looking for the row", len(claim.rows), error)
            care.suspect(claim.rows[-1].number)
            for part in _halves(claim):
                self._take(part)

    def _take_alone(self, claim: Claim, settle: Callable[[], None]) -> None:
        """Try a suspect row by itself, with its tries written first; set it aside when they are used up."""
        row = claim.rows[0]
        error = "the process died each time"

        def settled() -> None:
            aside.done(row.number)
            settle()

        while aside.trying(row, self.clock(), epoch=self.epoch):
            try:
                self._attempt(claim, settled)
            except Exception as failure:
                if foreseen(failure):
                    self._owed = row.number
                    self._pay_back()
                    raise
                error = f"{type(failure).__name__}: {failure}"
            else:
                return
        self._set_aside(claim, error, settle)

    def _pay_back(self) -> None:
        """Give back the try of a row that met an outage, as soon as the database takes it."""
        if self._owed:
            aside.give_back(self._owed, epoch=self.epoch)
            self._owed = 0

    def _attempt(self, claim: Claim, settle: Callable[[], None]) -> None:
        rows = claim.rows
        self.attempts.begin(Attempt(claim.mode, rows[0].number, rows[-1].number, len(rows)))
        pipeline.process(
            rows,
            self._context(claim),
            graph=self.graph,
            fence=lambda: self._timed(claim, settle),
        )
        stages.leave()
        self.attempts.end()

    @contextmanager
    def _timed(self, claim: Claim, settle: Callable[[], None]) -> Iterator[None]:
        """Open the transaction of a batch, and see how long it keeps other writers out."""
        care, rows = self._care[claim.mode], claim.rows
        with lane.fenced(self.epoch):
            began = time.perf_counter()
            yield
            if len(rows) > 1 and care.suspects(rows[0].number):
                aside.passed(claim.mode, rows[0].number, rows[-1].number)
            settle()
            awaited = turns.awaited()
        care.took(time.perf_counter() - began, len(rows), awaited=awaited)

    @contextmanager
    def _settling(self, settle: Callable[[], None]) -> Iterator[None]:
        with lane.fenced(self.epoch):
            yield
            settle()

    def _set_aside(self, claim: Claim, error: str, settle: Callable[[], None]) -> None:
        """Set the row aside and group its people without its evidence; if that fails too, the row is set aside all the same."""
        log.error("Touchpoint %d is set aside: %s", claim.rows[0].number, error)
        try:
            self._put_aside(claim, error, settle, regroup=True)
        except Exception as failure:
            if foreseen(failure):
                raise
            log.exception("Its people cannot be grouped without it")
            more = f"{error}; rebuild_graph is needed ({type(failure).__name__}: {failure})"
            self._put_aside(claim, more, settle, regroup=False)
        self.attempts.end()

    def _put_aside(
        self, claim: Claim, error: str, settle: Callable[[], None], *, regroup: bool
    ) -> None:
        row, context = claim.rows[0], self._context(claim)
        touchpoint = decode.identity_of(row)
        changed = (
            self.graph.set_aside([touchpoint], epoch=self.epoch, aside=True)
            if touchpoint and regroup
            else ()
        )
        with self._settling(settle):
            if changed:
                pipeline.regroup(changed, context, newborn=False)
            pipeline.remember("aside", context, claim.rows)
            aside.set_aside(row.number, touchpoint, error, self.clock())

    # --- Commands ---

    def _execute(self, command: LaneCommand, context: BatchContext) -> None:
        """Do it, and mark it as done in the same transaction."""

        def finish() -> None:
            commands.finish(command.pk, self.clock())

        def fence() -> AbstractContextManager[None]:
            return self._settling(finish)

        kind, payload = command.kind, command.payload
        if kind == aside.RETRY:
            self._retry(int(payload["number"]), context.horizon, finish)
        elif kind == resolve.REGROUP:
            pipeline.repair(payload, context, graph=self.graph, fence=fence)
        else:
            pipeline.execute(kind, payload, context, fence=fence)

    def _retry(self, number: int, horizon: Instant, finish: Callable[[], None]) -> None:
        """Take a row that was set aside once more, under its own number: alone, with its tries counted."""
        row = aside.row(number)
        touchpoint = decode.identity_of(row)
        if touchpoint:
            self.graph.set_aside([touchpoint], epoch=self.epoch, aside=False)
        self._take_alone(Claim(rows=[row], mode=row.mode, horizon=horizon), finish)

    # --- Life ---

    def _context(self, claim: Claim) -> BatchContext:
        return BatchContext(
            now=self.clock(), horizon=claim.horizon, mode=claim.mode, epoch=self.epoch
        )

    def _beat(self) -> None:
        moment = self.clock()
        if moment - self._beaten_at >= SECOND:
            lane.beat(self.epoch, moment)
            self._beaten_at = moment

    def _outage(self, error: Exception) -> float:
        self._waits = min(_LONGEST_WAIT, max(0.5, self._waits * 2))
        log.warning("A store is away (%s); waiting %.1f s", error, self._waits)
        connections["default"].close()
        for care in self._care.values():
            care.away()
        patience = self.graph.patience * (2 if isinstance(error, StoreAway) else 1)
        try:
            self._beat()
            self._say(f"{type(error).__name__}: {error}", min(patience, self.graph.most_patience))
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


def away(error: Exception) -> bool:
    """Tell whether a store does not answer: the lane waits for it. InboxAway is an OSError."""
    return isinstance(error, StoreAway | OSError) or is_outage(error)


def foreseen(error: Exception) -> bool:
    """Tell whether an error is no row's and no command's fault."""
    return isinstance(error, LaneSuperseded) or away(error)


def _halves(claim: Claim) -> list[Claim]:
    """Cut a claim in two. The first half's horizon ends with its rows: what follows is not processed yet."""
    middle = len(claim.rows) // 2
    if not middle:
        return [claim]
    first: list[InboxRow] = list(claim.rows[:middle])
    horizon = claim.horizon if claim.mode is Mode.HISTORY else first[-1].received_at
    return [
        replace(claim, rows=first, horizon=min(horizon, claim.horizon)),
        replace(claim, rows=claim.rows[middle:]),
    ]


def attempts_at(directory: Path) -> Attempts:
    return Attempts(directory / "lane.attempt")
