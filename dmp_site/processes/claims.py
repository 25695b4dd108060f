"""The rows that the lane takes from the inbox: whole, or in halves until a culprit stands alone.

A suspect row is tried by itself with its tries written first, and set aside when they are used up. See
docs/decisions/0003-a-row-that-kills-the-lane.md.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from dmp_site import pipeline
from dmp_site.processes import turns
from dmp_site.processes.attempts import Attempt, Attempts
from dmp_site.processes.care import Care
from dmp_site.processes.outages import foreseen
from identity import faults, stages
from identity.clock import Instant
from identity.graph.port import GraphStore
from identity.profiles.occasions import Doing, Occasion
from identity.touchpoints import aside, decode, lane, waiting
from identity.touchpoints.inbox.port import Claim, InboxReader
from identity.touchpoints.types import BatchContext, InboxRow, Mode

log = logging.getLogger(__name__)

Settle = Callable[[], None]  # the last statement of a transaction: what was taken is done
TURN = 2_000  # touchpoints of crowds that are taken at once


@dataclass(frozen=True, slots=True)
class Way:
    """How rows are taken: how many at once, and what settles those of a claim. `waited`: it is a crowd's turn."""

    care: Care
    settle: Callable[[Claim], None]
    waited: bool = False


@dataclass
class Claims:
    """`care`: how many rows of each mode are taken at once. `turn`: how many of those that wait for a crowd's turn."""

    graph: GraphStore
    inbox: InboxReader
    attempts: Attempts
    epoch: int
    clock: Callable[[], Instant]
    care: Mapping[Mode, Care]
    turn: Care = field(default_factory=lambda: Care.of(TURN))
    _owed: int = 0  # the row whose try was written and did not count

    def begin(self) -> None:
        """After a lane that died in a batch: take the same rows in smaller batches, a lone one with its tries counted."""
        left = self.attempts.left()
        if isinstance(left, Attempt):
            log.warning("The lane before died in a batch of %d; going on with care", left.rows)
            (self.turn if left.waited else self.care[left.mode]).died(left.last, left.rows)
        for mode, number in aside.suspects().items():
            self.care[mode].suspect(number)
        self.turn.suspect(waiting.suspect())

    def take(self) -> Claim:
        """Claim the next rows of one mode and take them through the stages; return the claim, which may be empty."""
        self._pay_back()
        limits = {mode: care.limit for mode, care in self.care.items()}
        claim = self.inbox.claim(limits, self.clock())
        if claim.rows:
            self._take(claim, Way(self.care[claim.mode], self.inbox.settle))
            self.care[claim.mode].passed(claim.rows[-1].number)
        return claim

    def take_waiting(self, horizon: Instant) -> int:
        """Take the next touchpoints of crowds, which waited for this, through the stages; return how many."""
        self._pay_back()
        rows = waiting.first(self.turn.limit)
        if rows:
            stages.reach("0 turn")
            claim = Claim(rows=rows, mode=rows[0].mode, horizon=horizon)
            self._take(claim, Way(self.turn, _take_off, waited=True))
            self.turn.passed(rows[-1].number)
        return len(rows)

    def retry(self, number: int, horizon: Instant, settle: Settle) -> None:
        """Take a row that was set aside once more, under its own number: alone, with its tries counted."""
        row = aside.row(number)
        touchpoint = decode.identity_of(row)
        pipeline.rules(self.graph)
        if touchpoint:
            self.graph.set_aside([touchpoint], epoch=self.epoch, aside=False)
        claim = Claim(rows=[row], mode=row.mode, horizon=horizon)
        self._take_alone(claim, Way(self.care[row.mode], lambda _: settle()))

    def context(self, claim: Claim) -> BatchContext:
        return BatchContext(
            now=self.clock(), horizon=claim.horizon, mode=claim.mode, epoch=self.epoch
        )

    # --- Whole or in halves ---

    def _take(self, claim: Claim, way: Way) -> None:
        if len(claim.rows) == 1 and way.care.suspects(claim.rows[0].number):
            self._take_alone(claim, way)
            return
        try:
            self._attempt(claim, way, lambda: way.settle(claim), patient=not way.waited)
        except Exception as error:
            if foreseen(error):
                raise
            log.warning(
                "A batch of %d failed (%s); looking for the row",
                len(claim.rows),
                faults.said(error),
            )
            way.care.suspect(claim.rows[-1].number)
            for part in _halves(claim):
                self._take(part, way)

    def _take_alone(self, claim: Claim, way: Way) -> None:
        """Try a suspect row by itself, with its tries written first; set it aside when they are used up.

        It does not wait for a crowd's turn: its tries are counted where it would wait.
        """
        row = claim.rows[0]
        error = "the process died each time"

        def settled() -> None:
            aside.done(row.number)
            way.settle(claim)

        while aside.trying(row, self.clock(), epoch=self.epoch):
            try:
                self._attempt(claim, way, settled, patient=False)
            except Exception as failure:
                if foreseen(failure):
                    self._owed = row.number
                    self._pay_back()
                    raise
                error = faults.said(failure)
            else:
                return
        self._set_aside(claim, error, lambda: way.settle(claim))

    def _pay_back(self) -> None:
        """Give back the try of a row that met an outage, as soon as the database takes it."""
        if self._owed:
            aside.give_back(self._owed, epoch=self.epoch)
            self._owed = 0

    def _attempt(self, claim: Claim, way: Way, settle: Settle, *, patient: bool) -> None:
        rows = claim.rows
        self.attempts.begin(
            Attempt(claim.mode, rows[0].number, rows[-1].number, len(rows), way.waited)
        )
        pipeline.process(
            rows,
            self.context(claim),
            graph=self.graph,
            fence=lambda: self._timed(claim, way, settle),
            patient=patient,
        )
        stages.leave()
        self.attempts.end()

    @contextmanager
    def _timed(self, claim: Claim, way: Way, settle: Settle) -> Iterator[None]:
        """Open the transaction of a batch, and see how long it keeps other writers out. A crowd's turn is no shorter for fewer rows."""
        care, rows = way.care, claim.rows
        with lane.fenced(self.epoch):
            began = time.perf_counter()
            yield
            if len(rows) > 1 and care.suspects(rows[0].number) and not way.waited:
                aside.passed(claim.mode, rows[0].number, rows[-1].number)
            settle()
            awaited = turns.awaited() and not way.waited
        care.took(time.perf_counter() - began, len(rows), awaited=awaited)

    # --- Aside ---

    def _set_aside(self, claim: Claim, error: str, settle: Settle) -> None:
        """Set the row aside and group its people without its evidence; if that fails too, the row is set aside all the same."""
        log.error("Touchpoint %d is set aside: %s", claim.rows[0].number, error)
        try:
            self._put_aside(claim, error, settle, regroup=True)
        except Exception as failure:
            if foreseen(failure):
                raise
            log.error("Its people cannot be grouped without it: %s", faults.traced(failure))  # noqa: TRY400
            more = f"{error}; rebuild_graph is needed ({faults.said(failure)})"
            self._put_aside(claim, more, settle, regroup=False)
        self.attempts.end()

    def _put_aside(self, claim: Claim, error: str, settle: Settle, *, regroup: bool) -> None:
        row, context = claim.rows[0], self.context(claim)
        touchpoint = decode.identity_of(row)
        policy = pipeline.rules(self.graph)
        changed = (
            self.graph.set_aside([touchpoint], epoch=self.epoch, aside=True)
            if touchpoint and regroup
            else ()
        )
        with settling(self.epoch, settle):
            if changed:
                occasion = Occasion(Doing.SET_ASIDE, row.number)
                pipeline.regroup(changed, context, policy, occasion, newborn=False)
            pipeline.remember("aside", context, claim.rows, policy=policy)
            aside.set_aside(row.number, touchpoint, error, self.clock())


@contextmanager
def settling(epoch: int, settle: Settle) -> Iterator[None]:
    """Open a transaction of this lane that ends with `settle`. Raises LaneSuperseded."""
    with lane.fenced(epoch):
        yield
        settle()


def _take_off(claim: Claim) -> None:
    waiting.take_off([row.number for row in claim.rows])


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
