"""How many rows of one mode the lane takes at once: no more than fit into a short transaction while others wait, and few after a death."""

from dataclasses import dataclass

BATCH = 500
FEWEST = 100  # below this a transaction costs what its statements cost: fewer rows would only slow the lane down
SHORT = 0.05  # seconds that a transaction should last while another writer waits for it
_ROOM = 0.8  # of SHORT; below this the next batch may be larger


@dataclass
class Care:
    """`pace`: what the last transactions allow. `few`: what caution allows, as long as rows up to `until` are suspects."""

    most: int = BATCH
    pace: int = BATCH
    few: int = BATCH
    until: int = 0

    @classmethod
    def of(cls, most: int) -> "Care":
        return cls(most, most, most)

    @property
    def limit(self) -> int:
        return min(self.pace, self.few)

    def suspects(self, number: int) -> bool:
        """Tell whether a row is one of those among which a batch failed or a process died."""
        return number <= self.until

    def suspect(self, last: int) -> None:
        self.until = max(self.until, last)

    def died(self, last: int, rows: int) -> None:
        """Take the rows of a batch in which a lane died in halves of it."""
        self.suspect(last)
        self.few = max(1, rows // 2)

    def passed(self, last: int) -> None:
        """Rows up to this one are through: behind the last suspect there is no need for caution."""
        if last >= self.until:
            self.few = self.most

    def away(self) -> None:
        """Halve what a store did not take in time: it may be there, and only too slow for so many."""
        self.pace = max(FEWEST, self.pace // 2)

    def took(self, seconds: float, rows: int, *, awaited: bool) -> None:
        """Halve what took too long for who waited, grow slowly again. A batch that was small anyway says nothing about a larger one."""
        if awaited and seconds > SHORT:
            self.pace = min(self.pace, max(FEWEST, rows // 2))
        elif rows >= self.pace and not (awaited and seconds > SHORT * _ROOM):
            self.pace = min(self.most, self.pace + max(1, self.pace // 8))
