"""The commands that the lane executes between two claims: done, refused, or refused as broken.

A command that kills the process would kill every next lane too. So the lane notes the command before each attempt, as it does
with rows. Only a command in which a lane died has its tries written before an attempt; when they are used up it is refused.
See docs/decisions/0003-a-row-that-kills-the-lane.md.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from dmp_site.processes.attempts import Attempts
from dmp_site.processes.outages import foreseen
from identity import faults
from identity.clock import Instant
from identity.errors import DomainError
from identity.touchpoints import commands, lane
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext

log = logging.getLogger(__name__)

COMMANDS = 100  # executed between two claims at most,
SPELL = 0.5  # and no other is begun when they took so many seconds: touchpoints wait


@dataclass
class Errands:
    """`execute` does a command and marks it as done in one transaction."""

    execute: Callable[[LaneCommand, BatchContext], None]
    attempts: Attempts
    epoch: int
    clock: Callable[[], Instant]
    stopwatch: Callable[[], float]
    _owed: int = 0  # the command whose try was written and did not count

    def begin(self) -> None:
        """Suspect the command in which the lane before died."""
        left = self.attempts.left()
        if isinstance(left, int):
            log.warning("The lane before died in command %d", left)
            commands.suspect(left, epoch=self.epoch)

    def run(self, context: BatchContext) -> bool:
        """Execute what waits; return whether anything did."""
        self._pay_back()
        waiting, began = commands.waiting(COMMANDS), self.stopwatch()
        for command in waiting:
            if self._may_try(command):
                self._try(command, context)
            if self.stopwatch() - began >= SPELL:
                break
        return bool(waiting)

    def _may_try(self, command: LaneCommand) -> bool:
        """Count the try of a suspect; refuse the command when its tries are used up."""
        if not command.tries:
            return True
        if commands.trying(command.pk, epoch=self.epoch):
            return True
        log.error("Command %d (%s) is refused: lanes died in it", command.pk, command.kind)
        self._refuse(command, "the process died each time", broke=True)
        return False

    def _try(self, command: LaneCommand, context: BatchContext) -> None:
        self.attempts.begin(command.pk)
        command.refresh_from_db(fields=["payload"])  # an erasure may have taken somebody out of it
        try:
            self.execute(command, context)
        except DomainError as refusal:
            self._refuse(command, refusal.message)
        except Exception as failure:
            if foreseen(failure):
                self.attempts.end()
                self._owed = command.pk if command.tries else 0
                self._pay_back()
                raise
            told = faults.traced(failure)
            log.error("Command %d (%s) broke: %s", command.pk, command.kind, told)  # noqa: TRY400
            self._refuse(command, faults.said(failure), broke=True)
        self.attempts.end()

    def _pay_back(self) -> None:
        if self._owed:
            commands.give_back(self._owed, epoch=self.epoch)
            self._owed = 0

    def _refuse(self, command: LaneCommand, reason: str, *, broke: bool = False) -> None:
        with lane.fenced(self.epoch):
            commands.finish(command.pk, self.clock(), reason, broke=broke)
