"""What the engine reads and returns: places, situations, commands. No Django, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from activation.pressure.types import Quiet
from identity.clock import Instant
from identity.profiles.types import Facts
from journeys.matching import Seen

FALLBACK = ":fallback"


class Waiting(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a place waits for.

    `since`: when the wait began (for a send: when it was first asked for). `until`: when it ends by itself; None = never.
    `asked`: a send was asked for and not answered yet. `fallback`: it is the one over the other channel.
    """

    since: Instant
    until: Instant | None = None
    asked: bool = False
    fallback: bool = False


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one enrolment stands.

    `visits`: how often each node was entered. `taken`: per node, the last touchpoint (at, number) that it went on with; it
    never counts there twice. `draws`: what was drawn by lot, by name. `ended`: the reason, "" while the journey goes on.
    """

    node: str
    waiting: Waiting | None = None
    visits: Mapping[str, int] = {}
    taken: Mapping[str, tuple[Instant, int]] = {}
    draws: Mapping[str, float] = {}
    steps: int = 0
    ended: str = ""
    converted_at: Instant | None = None

    @property
    def wake_at(self) -> Instant | None:
        """When the clock must look at this place again."""
        if self.ended or self.waiting is None or self.waiting.asked:
            return None
        return self.waiting.until


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the send with this key. `port` is the node's port to go on through; "" with `retry_at`: deferred.

    `when_capped`: what to do about a cap that refused it.
    """

    key: str
    port: str
    retry_at: Instant | None = None
    reason: str = ""
    when_capped: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the engine knows about one enrolment and its person at a moment.

    `touchpoints`: those of the person since `entered_at`, without the one that started the enrolment, ordered by (at, number).
    `audiences`: of those that the journey asks about, the ones the person is in. `zone`: the person's, else the journey's.
    """

    enrolment: int
    entered_at: Instant
    person: Facts
    key: str = ""
    touchpoints: tuple[Seen, ...] = ()
    audiences: frozenset[int] = frozenset()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Ask for a message. `key` = "{enrolment}:{node}:{visit}", and FALLBACK behind it for the one over the other channel.

    `quiet`: the journey's quiet hours, which hold until the message leaves; `zone`: the journey's, for people who have none.
    """

    key: str
    node: str
    visit: int
    channel: str
    template: int
    message_class: str
    when_capped: str
    due_at: Instant
    give_up_at: Instant | None
    urgent: bool = False
    quiet: tuple[Quiet, ...] = ()
    zone: str = ""


@dataclass(frozen=True, slots=True)
class SetSlot:
    """Show the person this content in a slot of the site; `content` None takes it away again."""

    slot: str
    content: Mapping[str, Any] | None
    until: Instant | None


@dataclass(frozen=True, slots=True)
class SetCap:
    """Give the person a cap of their own in a channel."""

    channel: str
    limit: int
    window: int
    until: Instant


@dataclass(frozen=True, slots=True)
class AddToAudience:
    audience: int


@dataclass(frozen=True, slots=True)
class RemoveFromAudience:
    audience: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """A line of the timeline: what happened at a node, and why. `port` "" means that the person stays there."""

    node: str
    visit: int
    port: str
    reason: str


@dataclass(frozen=True, slots=True)
class Converted:
    """The goal was reached."""

    at: Instant


@dataclass(frozen=True, slots=True)
class Exit:
    """The enrolment is over."""

    reason: str


Command = Send | SetSlot | SetCap | AddToAudience | RemoveFromAudience | Stepped | Converted | Exit
