"""What the parts of the benchmark of who is who hand back, and how they measure. No Django."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, ParamSpec, TypeVar

import msgspec

from benchmarks.road.driven import Driven

_Given = ParamSpec("_Given")
_Returned = TypeVar("_Returned")


class Parted(msgspec.Struct):
    """Links of neighbourhoods of one and of several people, the seconds that `partition` took for each, and a bare union-find for all."""

    alone: int = 0
    alone_seconds: float = 0.0
    several: int = 0
    several_seconds: float = 0.0
    bare_seconds: float = 0.0


class Rebuilt(msgspec.Struct):
    """A rebuild: seconds in all, those of reading neighbourhoods and of partitioning them; memory in MB.

    `peak` counts the pages of the database's file that are mapped into the process, `own` does not.
    """

    seconds: float
    reading: float
    partition: float
    peak: float
    own: float
    identifiers: int
    neighbourhoods: int
    profiles: int


class Components(msgspec.Struct):
    """A yardstick: seconds of reading the links and making a graph of them, and of finding `count` components; memory in MB."""

    reading: float
    joining: float
    peak: float
    count: int


class Staged(msgspec.Struct):
    """A drive of the lane, and the seconds that it was at each stage."""

    driven: Driven
    stages: dict[str, float]


class Crowded(msgspec.Struct):
    """A drive of the lane among a crowd, how many touchpoints it did not bring into the graph yet, and whether a human finds the crowd on a list."""

    staged: Staged
    waiting: int
    listed: bool


class Timed(Generic[_Given, _Returned]):
    """A function that adds up how long it takes."""

    def __init__(self, function: Callable[_Given, _Returned]) -> None:
        self.seconds = 0.0
        self._function = function

    def __call__(self, *given: _Given.args, **named: _Given.kwargs) -> _Returned:
        begun = time.perf_counter()
        try:
            return self._function(*given, **named)
        finally:
            self.seconds += time.perf_counter() - begun


def peak() -> float:
    """Return the most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own() -> float:
    """Return the memory that this process has now and shares with no file, in MB; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) / 1024
