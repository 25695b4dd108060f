"""Add a person to an audience that is kept by hand, or remove them from it."""

from collections.abc import Iterator
from typing import Any

from journeys.nodes.kind import Config, Go, Kind, Known, Move, Visit, not_by_hand
from journeys.types import AddToAudience, RemoveFromAudience


class AudienceConfig(Config, frozen=True):
    audience: int


class AudienceAdd(Kind):
    name = "audience_add"
    config = AudienceConfig

    def ports(self, config: AudienceConfig) -> tuple[str, ...]:
        return ("next",)

    def step(self, config: AudienceConfig, visit: Visit) -> Move:
        return Go(
            "next", f"added to audience {config.audience}", (AddToAudience(config.audience),)
        )

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        return not_by_hand(config.audience, known)


class AudienceRemove(Kind):
    name = "audience_remove"
    config = AudienceConfig

    def ports(self, config: AudienceConfig) -> tuple[str, ...]:
        return ("next",)

    def step(self, config: AudienceConfig, visit: Visit) -> Move:
        removed = RemoveFromAudience(config.audience)
        return Go("next", f"removed from audience {config.audience}", (removed,))

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        return not_by_hand(config.audience, known)
