"""What every kind of node offers; one module per kind, and no switch over kinds anywhere. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from identity.clock import Instant
from identity.texts import gettext
from journeys.matching import Match
from journeys.rules import Settings
from journeys.types import Command, Situation, Waiting


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The configuration of a node; each kind has its own."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One person at one node: the `count`-th time, `waiting` since an earlier look or None on arrival."""

    node: str
    count: int
    waiting: Waiting | None
    taken: tuple[Instant, int] | None
    situation: Situation
    settings: Settings
    now: Instant

    @property
    def key(self) -> str:
        return f"{self.situation.enrolment}:{self.node}:{self.count}"


@dataclass(frozen=True, slots=True)
class Go:
    """Leave through a port. `taken`: the touchpoint that was the reason."""

    port: str
    reason: str
    commands: Sequence[Command] = ()
    taken: tuple[Instant, int] | None = None


@dataclass(frozen=True, slots=True)
class Stay:
    """Wait here. `reason` is written to the timeline when it is not empty."""

    waiting: Waiting
    reason: str = ""
    commands: Sequence[Command] = ()


@dataclass(frozen=True, slots=True)
class End:
    """Leave the journey."""

    reason: str
    commands: Sequence[Command] = ()


Move = Go | Stay | End


@dataclass(frozen=True, slots=True)
class Known:
    """What exists outside of the definition; validation asks it. None = not known, so not checked.

    `templates`: row id -> channel. `by_hand`: the audiences whose members are put in by hand. `sends`: the send nodes of the definition itself.
    """

    audiences: frozenset[int] | None = None
    by_hand: frozenset[int] | None = None
    templates: Mapping[int, str] | None = None
    channels: frozenset[str] | None = None
    sends: frozenset[str] = field(default_factory=frozenset)


class Kind(ABC):
    """A kind of node. `takes_time`: a loop through it cannot run away."""

    name: ClassVar[str]
    config: ClassVar[type[Config]]
    takes_time: ClassVar[bool] = False
    starts: ClassVar[bool] = False

    @abstractmethod
    def ports(self, config: Any) -> tuple[str, ...]:
        """Return the names of the ways out."""

    @abstractmethod
    def step(self, config: Any, visit: Visit) -> Move:
        """Decide what happens to a person who stands here; on arrival, and whenever something may have changed."""

    def optional(self, config: Any) -> frozenset[str]:
        """Return the ports that may lead nowhere: who leaves through one of them leaves the journey."""
        return frozenset()

    def matches(self, config: Any) -> Iterable[Match]:
        """Return the touchpoints that the node looks at, so that they are remembered."""
        return ()

    def audiences(self, config: Any) -> Iterable[int]:
        """Return the audiences whose membership the node asks about."""
        return ()

    def problems(self, config: Any, known: Known) -> Iterator[tuple[str, str]]:
        """Yield (field, message) for what keeps the node from being published."""
        yield from ()


def unknown_audience(audience: int, known: Known) -> Iterator[tuple[str, str]]:
    """Yield the problem of an audience that does not exist (any more)."""
    if known.audiences is not None and audience not in known.audiences:
        yield "audience", gettext("audience %(audience)s does not exist") % {"audience": audience}


def not_by_hand(audience: int, known: Known) -> Iterator[tuple[str, str]]:
    """Yield the problem of an audience into which nobody can be put."""
    yield from unknown_audience(audience, known)
    exists = known.audiences is None or audience in known.audiences
    if exists and known.by_hand is not None and audience not in known.by_hand:
        yield (
            "audience",
            gettext("the members of audience %(audience)s follow a rule, not journeys")
            % {"audience": audience},
        )


def unknown_sends(matches: Iterable[Match], known: Known) -> Iterator[tuple[str, str]]:
    """Yield the problems of reactions to something that is no send node."""
    for match in matches:
        if match.of and match.of not in known.sends:
            yield "of", gettext("%(of)r is no send node of this journey") % {"of": match.of}
