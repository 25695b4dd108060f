"""What a drive down the road took."""

from bisect import bisect_left
from statistics import fmean

import msgspec


class Mark(msgspec.Struct, array_like=True):
    """How far the drive was: touchpoints done, seconds since the start, seconds of CPU time of this process."""

    done: int
    seconds: float
    cpu: float


class Driven(msgspec.Struct):
    """What a drive took, round by round. `statements`: how many went to the database in all."""

    marks: list[Mark]
    machine: list[tuple[int, float]] = []  # touchpoints done, and the machine's own speed then
    statements: int = 0
    digest: dict[str, str] = {}

    @property
    def whole(self) -> Mark:
        return self.marks[-1]

    def until(self, touchpoints: int) -> Mark:
        """Return the first mark at which so many were done, the last one when there were fewer."""
        found = bisect_left(self.marks, touchpoints, key=lambda mark: mark.done)
        return self.marks[min(found, len(self.marks) - 1)]

    def rate(self, begin: int, end: int) -> float:
        """Return the touchpoints per second between two points of the drive."""
        first, last = self.until(begin) if begin else Mark(0, 0.0, 0.0), self.until(end)
        return (last.done - first.done) / (last.seconds - first.seconds)

    def flatness(self, part: int, warm: int = 0) -> tuple[float, float]:
        """Return the touchpoints per second of the second part after the warm-up, and of the last part."""
        total = self.whole.done
        second = self.rate(warm + part, warm + 2 * part)
        return second, self.rate(total - part, total)

    def steadiness(self, part: int, warm: int = 0) -> float:
        """Return the machine's own speed in the last part by that in the second one; 1 where it was not measured."""
        total = self.whole.done
        return self._speed(total - part, total) / self._speed(warm + part, warm + 2 * part)

    def _speed(self, begin: int, end: int) -> float:
        measured = [speed for done, speed in self.machine if begin < done <= end]
        return fmean(measured or [speed for _, speed in self.machine] or [1.0])
