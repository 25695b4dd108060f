"""Capping: give this person another cap in a channel for a while."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from identity.texts import gettext
from journeys.hours import milliseconds
from journeys.nodes.kind import Config, Go, Kind, Known, Move, Visit
from journeys.types import SetCap


class CappingConfig(Config, frozen=True):
    """At most `limit` contacts in `channel` within `window`, for as long as `lasts` (ISO 8601 durations)."""

    channel: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    lasts: timedelta
    window: timedelta = timedelta(days=1)


class Capping(Kind):
    name = "capping"
    config = CappingConfig

    def ports(self, config: CappingConfig) -> tuple[str, ...]:
        return ("next",)

    def step(self, config: CappingConfig, visit: Visit) -> Move:
        cap = SetCap(
            config.channel,
            config.limit,
            milliseconds(config.window),
            visit.now + milliseconds(config.lasts),
        )
        return Go("next", f"{config.channel} capped at {config.limit}", commands=(cap,))

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        if config.lasts < timedelta(minutes=1):
            yield "lasts", gettext("a cap lasts at least a minute")
        if config.window < timedelta(minutes=1):
            yield "window", gettext("a window is at least a minute long")
