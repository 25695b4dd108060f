"""What contacts cost, in the order of time: how full spans are, and where they are too full. Pure.

Sorted once and summed up on the way, so that who was shown thousands of ads is judged as fast as anybody: a span is two look-ups.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate

from identity.clock import Instant


class Costs:
    """Contacts as (instant, cost), no cost below 0."""

    __slots__ = ("_full", "_sums", "_times")

    def __init__(self, contacts: Iterable[tuple[Instant, int]] = ()) -> None:
        ordered = sorted(contacts)
        self._times = [at for at, _ in ordered]
        self._sums = list(accumulate((cost for _, cost in ordered), initial=0))
        self._full: dict[tuple[Instant, int], tuple[list[Instant], list[Instant]]] = {}

    def within(self, start: Instant, end: Instant) -> int:
        """Return what `start` <= t < `end` has in it."""
        return (
            self._sums[bisect_left(self._times, end)] - self._sums[bisect_left(self._times, start)]
        )

    def fullest(self, duration: Instant, at: Instant) -> int:
        """Return what the fullest span of this length that holds `at` has in it."""
        # A span can be pushed right until it starts at a contact, or at `at`, without losing any: only those starts matter.
        near = slice(bisect_right(self._times, at - duration), bisect_right(self._times, at))
        return max(self.within(start, start + duration) for start in (*self._times[near], at))

    def freed(self, duration: Instant, at: Instant, room: int) -> Instant:
        """Return the first instant from `at` on that no span of this length holds which has more than `room` (0 or more) in it."""
        wanted = duration, room
        if wanted not in self._full:
            self._full[wanted] = self._too_full(duration, room)
        begins, ends = self._full[wanted]
        last = bisect_right(begins, at) - 1
        return at if last < 0 else max(at, ends[last])

    def _too_full(self, duration: Instant, room: int) -> tuple[list[Instant], list[Instant]]:
        """Return, as sorted begins and ends that do not touch, all instants that a too full span holds."""
        begins: list[Instant] = []
        ends: list[Instant] = []
        for index, first in enumerate(self._times):
            # The contact at which a span that starts here is too full: it may start later for later ones, never earlier.
            over = bisect_right(self._sums, self._sums[index] + room) - 1
            if over == len(self._times):
                break
            if self._times[over] >= first + duration:
                continue
            begin = self._times[over] - duration + 1  # the earliest span that reaches it
            if not ends or begin > ends[-1]:
                begins.append(begin)
                ends.append(first + duration)
            else:
                ends[-1] = first + duration
        return begins, ends
