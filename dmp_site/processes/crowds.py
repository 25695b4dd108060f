"""When touchpoints of crowds get their turn: seldom enough that others hardly notice. See docs/decisions/0017-crowds.md."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from dmp_site.processes.claims import Claims
from identity.clock import Instant

SHARE = 39  # times as long as a turn took, others go first
SHORTEST, LONGEST = 1.0, 300.0  # seconds between two turns


@dataclass
class Crowds:
    """The turns of one lane. `stopwatch`: seconds that pass, whatever time it is taken to be."""

    claims: Claims
    stopwatch: Callable[[], float]
    _ended: float = -inf
    _took: float = 0.0

    def run(self, horizon: Instant, *, busy: bool) -> bool:
        """Take a turn if it is time; return whether anything was done. `busy`: other touchpoints are coming in."""
        began = self.stopwatch()
        rest = min(LONGEST, max(SHORTEST, self._took * (SHARE if busy else 1)))
        if began - self._ended < rest:
            return False
        taken = self.claims.take_waiting(horizon)
        self._ended = self.stopwatch()
        self._took = self._ended - began
        return taken > 0
