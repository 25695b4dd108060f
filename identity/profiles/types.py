"""Profiles as values. No Django, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from identity.clock import Instant
from identity.graph.policy import DEFAULT, Policy
from identity.touchpoints.types import Identifier, Touchpoint


class Cause(StrEnum):
    """Why something that hangs on a profile changed."""

    TOUCHPOINT = "touchpoint"
    CLOCK = "clock"
    IDENTITY = "identity"  # a merge or a split
    RULE = "rule"  # a rule or policy was changed or published
    HAND = "hand"


@dataclass(frozen=True, slots=True)
class Person:
    """The row ids of one profile at one moment: `profile` and, of its identifiers, `owners`."""

    profile: int
    owners: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A touchpoint that counts, with the row ids it belongs to: its owner identifier, and that one's profile now."""

    touchpoint: Touchpoint
    owner: int
    profile: int


@dataclass(frozen=True, slots=True)
class Resolved:
    """What stage 2 returns.

    `arrivals`: the batch's touchpoints that have an owner and are counted for the first time, in the order of their numbers.
    `moved`: row ids of profiles that gained or lost identifiers (merges, splits, births); an emptied profile is among them.
    `born`: those of `moved` that had no identifier before: nobody was merged or split, somebody came up.
    `inherited`: profile -> the profiles that it took the last identifiers of.
    `apart`: profiles that a split makes what they were before -> since when they had not been that.
    `people`: every profile of `arrivals` and `moved` that still has identifiers.
    `identifiers`: row id -> identifier for every owner in `people`.
    `policy`: the rules that say so.
    `deferred`: profiles that are left to a later slice, with their `apart` (None: no split so far); not among `moved`.
    """

    arrivals: Sequence[Arrival]
    moved: frozenset[int]
    people: Mapping[int, Person]
    identifiers: Mapping[int, Identifier]
    born: frozenset[int] = frozenset()
    inherited: Mapping[int, frozenset[int]] = field(default_factory=dict)
    apart: Mapping[int, Instant] = field(default_factory=dict)
    policy: Policy = DEFAULT
    deferred: Mapping[int, Instant | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules and journeys may read of one profile.

    `traits`: the newest value of each trait over the profile's owners.
    `consent`: (purpose, channel) -> True | False; absent = never said.
    `suppressed`: channels that must not be used ("*" = all).
    `addresses`: channel -> (row id of the owner identifier that holds the address, identifier), the newest valid one.
    `time_zone`: IANA name, or "" when unknown.
    `anonymous`: none of the owners is an identifier of a person; `strongest` is a device or a cookie then.
    """

    profile: int
    uid: str
    owners: tuple[int, ...]
    strongest: int
    traits: Mapping[str, Any] = field(default_factory=dict)
    consent: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    suppressed: frozenset[str] = frozenset()
    addresses: Mapping[str, tuple[int, Identifier]] = field(default_factory=dict)
    time_zone: str = ""
    first_seen: Instant = 0
    last_seen: Instant = 0
    orders: int = 0
    revenue: Mapping[str, int] = field(default_factory=dict)
    anonymous: bool = False
