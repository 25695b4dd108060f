"""Entry: where people come in, by a touchpoint or by entering an audience."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from identity.texts import gettext
from journeys.matching import Filter, Test, compiled
from journeys.nodes.kind import Config, Go, Kind, Known, Move, Visit, unknown_audience


class EntryConfig(Config, frozen=True, dict=True):
    """`on` touchpoint: `event`, `where`, and `key`, the path of a property of which each value has an enrolment of its own.

    `on` audience: the person enters `audience`.
    """

    on: Literal["touchpoint", "audience"]
    event: Annotated[str, msgspec.Meta(max_length=200)] = ""
    where: tuple[Filter, ...] = ()
    key: str = ""
    audience: int | None = None

    def __post_init__(self) -> None:
        compiled(self.event, self.where)

    @cached_property
    def agrees(self) -> Test:
        """The filters as one function of the properties."""
        return compiled(self.event, self.where)


class Entry(Kind):
    """The first node of an enrolment; passed at once."""

    name = "entry"
    config = EntryConfig
    starts = True

    def ports(self, config: EntryConfig) -> tuple[str, ...]:
        return ("next",)

    def step(self, config: EntryConfig, visit: Visit) -> Move:
        what = config.event if config.on == "touchpoint" else f"audience {config.audience}"
        return Go("next", f"entered by {what}")

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        if config.on == "touchpoint" and not config.event:
            yield "event", gettext("say which touchpoint lets people in")
        if config.on == "audience":
            if config.audience is None:
                yield "audience", gettext("say which audience lets people in")
            else:
                yield from unknown_audience(config.audience, known)
