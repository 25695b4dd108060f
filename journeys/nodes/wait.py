"""Wait: for a duration, until a local time, or both, one after the other."""

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

from identity.texts import gettext
from journeys.hours import milliseconds, next_local
from journeys.nodes.kind import Config, Go, Kind, Known, Move, Stay, Visit
from journeys.types import Waiting


class WaitConfig(Config, frozen=True):
    """`duration` is an ISO 8601 duration ("PT1H", "P3D"); `until` a time of day in the person's zone ("09:00:00")."""

    duration: timedelta | None = None
    until: time | None = None


class Wait(Kind):
    name = "wait"
    config = WaitConfig
    takes_time = True

    def ports(self, config: WaitConfig) -> tuple[str, ...]:
        return ("next",)

    def step(self, config: WaitConfig, visit: Visit) -> Move:
        if visit.waiting is not None:
            until = visit.waiting.until
            if until is not None and until <= visit.now:
                return Go("next", "the wait is over")
            return Stay(visit.waiting)
        until = visit.now + milliseconds(config.duration or timedelta())
        if config.until is not None:
            until = next_local(until, config.until, visit.situation.zone)
        return Stay(Waiting(since=visit.now, until=until), "waits")

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        if config.duration is None and config.until is None:
            yield "duration", gettext("say how long, or until which time of day")
        if config.duration is not None and config.duration < timedelta(seconds=1):
            yield "duration", gettext("a wait lasts at least a second")
