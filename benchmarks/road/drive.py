"""Drives touchpoints of an installation's inbox down the road and prints what it took, as JSON.

    python -m benchmarks.inside benchmarks.road.drive WHO TOUCHPOINTS [digest] [statements] [profile=FILE]

WHO is product (as it is), steady (the product in full batches), batched or naive. `statements` counts them, which costs time.
"""

import cProfile
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import msgspec
from django.db import connection

from benchmarks.orm.batched import Batched
from benchmarks.orm.lane import OrmLane
from benchmarks.orm.naive import Naive
from benchmarks.road.digest import digest
from benchmarks.road.driven import Driven, Mark
from benchmarks.road.machine import Machine
from benchmarks.road.product import Product

WHO: Mapping[str, Callable[[], Product | OrmLane]] = {
    "product": Product,
    "steady": lambda: Product(steady=True),
    "batched": lambda: OrmLane(Batched()),
    "naive": lambda: OrmLane(Naive()),
}
_PROFILE = "profile="
_SAY_EVERY = 30.0  # seconds
_EVERY = 10  # rounds between looks at the machine's own speed


def main(who: str, touchpoints: str, *options: str) -> None:
    driven = drive(WHO[who](), int(touchpoints), options)
    sys.stdout.write(msgspec.json.encode(driven).decode())


def drive(
    lane: Product | OrmLane,
    touchpoints: int,
    options: tuple[str, ...] = (),
    *,
    seconds: float = math.inf,
) -> Driven:
    """Step until so many touchpoints are done, or for so many seconds."""
    counted, profiler = _Statements(), cProfile.Profile(time.process_time)
    marks: list[Mark] = []
    speeds: list[tuple[int, float]] = []
    profile = [one.removeprefix(_PROFILE) for one in options if one.startswith(_PROFILE)]
    progress, machine = _Progress(touchpoints), Machine()
    with ExitStack() as stack:
        if "statements" in options:
            stack.enter_context(connection.execute_wrapper(counted))
        if profile:
            stack.enter_context(profiler)
        begun, cpu, done = time.perf_counter(), time.process_time(), 0
        while done < touchpoints and time.perf_counter() - begun < seconds:
            done = lane.step()
            marks.append(Mark(done, time.perf_counter() - begun, time.process_time() - cpu))
            if len(marks) % _EVERY == 0:
                speeds.append((done, machine.speed()))
            progress.look(marks[-1])
    for path in profile:
        profiler.dump_stats(path)
    return Driven(marks, speeds, counted.number, digest() if "digest" in options else {})


class _Progress:
    """Says now and then on stderr how far the drive is, and how fast it went since it said so last."""

    def __init__(self, touchpoints: int) -> None:
        self._touchpoints = touchpoints
        self._said = Mark(0, 0.0, 0.0)

    def look(self, now: Mark) -> None:
        if now.seconds - self._said.seconds < _SAY_EVERY:
            return
        rate = (now.done - self._said.done) / (now.seconds - self._said.seconds)
        sys.stderr.write(f"{now.done:,} of {self._touchpoints:,} touchpoints, {rate:,.0f}/s\n")
        sys.stderr.flush()
        self._said = now


class _Statements:
    """Counts what goes to the database."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 - as Django calls it
        context: Any,
    ) -> Any:
        self.number += 1
        return execute(sql, params, many, context)
