"""What the clock makes due, up to the horizon; and what happens when some of it raises.

Wake-ups, clock changes of audiences and the building of audiences run in slices. A slice that raises is taken again in halves;
what raises alone is put out of the way with the reason, and the others go on.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from activation.audiences import refresh
from dmp_site import pipeline
from dmp_site.processes import turns
from dmp_site.processes.care import Care
from identity import faults
from identity.clock import HOUR, MINUTE, Instant
from identity.touchpoints import commands, lane
from identity.touchpoints.types import BatchContext
from journeys.enrolments import react

log = logging.getLogger(__name__)

DUE = 150  # wake-ups and clock changes in one transaction
FAILED = "clock.failed"  # the kind under which work of the clock that failed is listed


class Part(NamedTuple):
    """A kind of work of the clock. `blame` puts what is first in line out of the way, and says what that is.

    `first`: while it finds something to do, the parts behind it wait (who is to be let out of a journey is not woken up in it).
    """

    name: str
    work: Callable[[BatchContext, int], bool]
    blame: Callable[[BatchContext, str], str]
    first: bool = False
    alone: bool = False  # it asks the graph store, and opens transactions of its own


def _fail_run(context: BatchContext, reason: str) -> str:
    run = react.fail_next(context, reason)
    return f"enrolment {run}" if run else ""


def _put_off(context: BatchContext, _reason: str) -> str:
    profile = refresh.put_off(context, context.now + HOUR)
    return f"profile {profile}" if profile else ""


def _leave_as_parted(_context: BatchContext, _reason: str) -> str:
    profile = pipeline.stop_replaying()
    return f"profile {profile}" if profile else ""


def _nobody(_context: BatchContext, _reason: str) -> str:
    return ""


PARTS = (
    Part("audiences by the clock", pipeline.turn, _put_off),
    Part("leaving journeys", pipeline.leave, _nobody, first=True),
    Part("wake-ups", pipeline.wake, _fail_run),
)
ALONE = (
    Part("building audiences", pipeline.build, _nobody, alone=True),
    Part("bringing profiles to the identity policy", pipeline.settle, _nobody, alone=True),
    Part("replaying who was parted", pipeline.replay, _leave_as_parted, alone=True),
)


@dataclass
class Clockwork:
    """The clock's work of one lane. `foreseen` tells errors that are nobody's fault and end the round."""

    foreseen: Callable[[Exception], bool]
    _care: Care = field(default_factory=lambda: Care(most=DUE, pace=DUE, few=DUE))
    _resting: dict[str, Instant] = field(default_factory=dict)

    def run(self, context: BatchContext) -> bool:
        """Do one round; return whether there was anything to do."""
        built = sum(self._carefully(part, context) for part in ALONE) > 0
        try:
            return self._together(context) or built
        except Exception as error:
            if self.foreseen(error):
                raise
            log.warning(
                "The clock's work failed (%s); looking for what does it", faults.said(error)
            )
            return self._in_turn(lambda part: self._carefully(part, context)) or built

    def _together(self, context: BatchContext) -> bool:
        """Do a slice of each part in one transaction."""
        limit = self._care.limit
        with lane.fenced(context.epoch):
            began = time.perf_counter()
            done = self._in_turn(
                lambda part: not self._rests(part, context) and part.work(context, limit)
            )
            if done:
                pipeline.remember("clock", context)
            awaited = turns.awaited()
        if done:
            self._care.took(time.perf_counter() - began, limit, awaited=awaited)
        return done

    @staticmethod
    def _in_turn(work: Callable[[Part], bool]) -> bool:
        """Let the parts work one after the other; return whether any had something to do."""
        done = False
        for part in PARTS:
            found = work(part)
            done = done or found
            if found and part.first:
                break
        return done

    def _rests(self, part: Part, context: BatchContext) -> bool:
        return self._resting.get(part.name, 0) > context.now

    def _carefully(self, part: Part, context: BatchContext) -> bool:
        """Do one part by itself, in ever smaller slices while it raises."""
        if self._rests(part, context):
            return False
        limit = DUE
        while True:
            try:
                return self._alone(part, context, limit)
            except Exception as error:
                if self.foreseen(error):
                    raise
                if limit == 1:
                    self._blame(part, context, error)
                    return True
                limit //= 2

    @staticmethod
    def _alone(part: Part, context: BatchContext, limit: int) -> bool:
        if part.alone:
            return part.work(context, limit)
        with lane.fenced(context.epoch):
            done = part.work(context, limit)
            if done:
                pipeline.remember("clock", context)
        return done

    def _blame(self, part: Part, context: BatchContext, error: Exception) -> None:
        reason = faults.said(error)
        log.error("%s: %s", part.name, faults.traced(error))
        with lane.fenced(context.epoch):
            culprit = part.blame(context, reason)
            payload = {"part": part.name, "culprit": culprit}
            commands.note_failure(FAILED, payload, reason, context.now)
        if not culprit:
            self._resting[part.name] = context.now + MINUTE
