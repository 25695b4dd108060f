"""What came in, as values. No Django, no clock."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from identity.clock import Instant


class Identifier(NamedTuple):
    """A normalised identifier. The value of a PII namespace is its HMAC-SHA256 in hex, never the clear value."""

    namespace: str
    value: str

    @property
    def key(self) -> str:
        """One string for both; a namespace holds no colon, so that it can be taken apart again."""
        return f"{self.namespace}:{self.value}"

    @classmethod
    def of(cls, key: str) -> "Identifier":
        namespace, _, value = key.partition(":")
        return cls(namespace, value)


class Direction(StrEnum):
    """Who turned to whom."""

    INBOUND = "inbound"  # the person: visits, orders, opens, clicks
    OUTBOUND = "outbound"  # the brand: messages sent, ads shown, calls made
    NONE = ""  # a fact, no contact: identify, group, alias


class Mode(StrEnum):
    """Each mode has its own queue and position; live goes first."""

    LIVE = "live"
    HISTORY = "history"  # folds and refreshes audiences; starts no journey and sends nothing


@dataclass(frozen=True, slots=True)
class Touchpoint:
    """One recorded contact between a person and the brand, cleared of PII, ready for stage 1.

    `event` is the name of a track call ("Order Completed"), else the type itself ("page", "identify", ...).
    `identifiers` are distinct and without junk, strongest first; a household identifier may be among them.
    `owner` is the strongest identifier of a person, device or cookie; None when `refusal` says why the identifiers are no
    evidence (the touchpoint is kept, listed, and counts for no profile).
    `same` holds pairs that an alias call declares to be one.
    `pii` maps PII identifiers to their cleaned values, `pii_fields` the owner's other vault fields (email, phone, first_name,
    last_name, name, address, birthday, ip, or a dotted path) to theirs; the lane moves both to the vault, and nothing else
    stores them.
    `undated`: nobody said when it happened, or what was said could not be.
    `unnamed`: it came without a messageId; sent again, it counts again.
    `strength`: how sure it is that its identifiers belong together: 1, or the probability that a model gave its guess.
    `dropped`: why values were not taken as identifiers ("blocked:user_id"); counted, shown by the source's page.
    """

    number: int
    id: str
    source: int
    mode: Mode
    type: str
    event: str
    at: Instant
    received_at: Instant
    identifiers: tuple[Identifier, ...]
    owner: Identifier | None
    same: tuple[tuple[Identifier, Identifier], ...] = ()
    refusal: str = ""
    channel: str = ""
    direction: Direction = Direction.NONE
    message_class: str = ""
    traits: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    pii: Mapping[Identifier, str] = field(default_factory=dict)
    pii_fields: Mapping[str, str] = field(default_factory=dict)
    clock_corrected: bool = False
    undated: bool = False
    unnamed: bool = False
    strength: float = 1.0
    dropped: tuple[str, ...] = ()


def touchpoint_id(source: uuid.UUID, message_id: str) -> str:
    """Return uuid5(source, messageId): the same message of the same source is the same touchpoint for ever."""
    return str(uuid.uuid5(source, message_id))


class InboxRow(NamedTuple):
    """A row of the inbox. `payload` is encrypted; `number` grows for ever and is never given twice."""

    number: int
    source: int
    mode: Mode
    received_at: Instant
    payload: bytes


@dataclass(frozen=True, slots=True)
class BatchContext:
    """What every stage of one batch knows: the time it is taken to be, and how far wake-ups may run."""

    now: Instant
    horizon: Instant
    mode: Mode
    epoch: int

    @property
    def moment(self) -> Instant:
        """As of when people are seen; a single row that is tried again has no horizon of its own."""
        return self.horizon or self.now
