"""Shared by the tests of what the lane survives."""

from dmp_site.processes.lane import LaneLoop
from identity.models import Identifier
from tests.road import Road


class Killed(BaseException):
    """The process ends here, without a word: what `kill -9` or a fault in a C library does."""


def viewed(person: str, **more: object) -> dict[str, object]:
    return {"event": "Product Viewed", "userId": person, **more}


def people() -> set[str]:
    return set(Identifier.objects.values_list("key", flat=True))


def deaths(road: Road, limit: int = 40) -> int:
    """Let the lane work to its rest, a new one after each death; return how many died."""
    for count in range(limit):
        try:
            road.run()
        except Killed:
            road.loop = road.new_lane()
        else:
            return count
    raise AssertionError(f"{limit} lanes died")


class Rounds:
    """Stands for the event that stops a lane: set after so many rounds. Nobody waits; `pauses` has the seconds."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self.pauses: list[float] = []

    def is_set(self) -> bool:
        return len(self.pauses) >= self._rounds

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)


def work(loop: LaneLoop, rounds: int) -> list[float]:
    """Let a lane live for some rounds, as its process does; return how long it would have waited after each."""
    stop = Rounds(rounds)
    loop.run(stop)  # type: ignore[arg-type]
    return stop.pauses
