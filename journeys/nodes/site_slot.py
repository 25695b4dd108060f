"""Personalise a slot of the site."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from identity.texts import gettext
from journeys.hours import milliseconds
from journeys.nodes.kind import Config, Go, Kind, Known, Move, Visit
from journeys.types import SetSlot


class SiteSlotConfig(Config, frozen=True):
    """`content` is handed to the page as it is; null takes the slot back. `lasts`: ISO 8601 duration, else until changed."""

    slot: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_.-]{1,80}$")]
    content: dict[str, Any] | None = None
    lasts: timedelta | None = None


class SiteSlot(Kind):
    name = "site_slot"
    config = SiteSlotConfig

    def ports(self, config: SiteSlotConfig) -> tuple[str, ...]:
        return ("next",)

    def step(self, config: SiteSlotConfig, visit: Visit) -> Move:
        until = None if config.lasts is None else visit.now + milliseconds(config.lasts)
        return Go(
            "next",
            f"slot {config.slot} was set",
            commands=(SetSlot(config.slot, config.content, until),),
        )

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        if config.content is not None and len(msgspec.json.encode(config.content)) > 16_000:  # noqa: PLR2004
            yield "content", gettext("the content of a slot has at most 16,000 bytes")
