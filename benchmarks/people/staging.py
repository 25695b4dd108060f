"""Drives the lane, and adds up how long it is at which stage.

    python -m benchmarks.inside benchmarks.people.staging TOUCHPOINTS
The inbox of the installation is full.
"""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import msgspec

from benchmarks.people.measures import Staged
from benchmarks.road.drive import drive
from benchmarks.road.product import Product
from dmp_site import pipeline
from identity import stages


def main(touchpoints: str) -> None:
    sys.stdout.write(msgspec.json.encode(staged(int(touchpoints))).decode())


def staged(touchpoints: int, *, seconds: float = math.inf) -> Staged:
    """Drive so many touchpoints, or for so many seconds."""
    clock = StageClock()
    with clock.watching():
        driven = drive(Product(), touchpoints, seconds=seconds)
    return Staged(driven, clock.spent)


class StageClock:
    """Adds up, by stage, how long the lane was at it: from the point where it says so to the next."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._at, self._since = stages.IDLE, time.perf_counter()

    def reach(self, point: str) -> None:
        """Take this for the point that the lane is at: in the place of `stages.reach`."""
        now = time.perf_counter()
        if self._at != stages.IDLE:
            stage = self._at.partition(":")[0]
            self.spent[stage] = self.spent.get(stage, 0.0) + now - self._since
        self._at, self._since = point, now

    @contextmanager
    def watching(self) -> Iterator[None]:
        with (
            patch.object(stages, "reach", self.reach),
            patch.object(pipeline, "reach", self.reach),
        ):
            yield
