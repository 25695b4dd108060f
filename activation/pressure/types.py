"""Pressure as values: windows, policies, what is asked and what was decided. No Django, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from types import MappingProxyType

from identity.clock import Instant


class Unit(StrEnum):
    """What a policy counts: messages (1 each), or points in hundredths."""

    MESSAGES = "messages"
    POINTS = "points"


class Period(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rolling:
    """Any span of `duration` milliseconds: a contact at t counts from t until just before t + duration."""

    duration: Instant


@dataclass(frozen=True, slots=True)
class Calendar:
    """An hour, day, week or month of the person's zone; `week_start` is 0 for Monday."""

    period: Period
    week_start: int = 0


Window = Rolling | Calendar


@dataclass(frozen=True, slots=True)
class Scope:
    """Which contacts a policy counts and holds back. An empty set means all; of several sets each must hold."""

    channels: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    journeys: frozenset[int] = frozenset()


class PolicyMode(StrEnum):
    LIMIT = "limit"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Policy:
    """A published policy.

    `limit`: messages, or hundredths of points. `audience`: holds for its members only; None: for everybody. An override
    takes the place of the limit policy `base` (row id) for the members of its audience; it has the base's scope and unit.
    """

    id: int
    version: int
    name: str
    limit: int
    window: Window
    scope: Scope = Scope()
    unit: Unit = Unit.MESSAGES
    audience: int | None = None
    mode: PolicyMode = PolicyMode.LIMIT
    base: int | None = None
    rank: int = 0
    when_capped: str = "skip"


@dataclass(frozen=True, slots=True)
class PersonCap:
    """A cap that a journey or the API gave one person in one channel, until an instant (exclusive).

    It takes the place of limit policies whose scope is that channel and nothing else; what counts over several channels still
    holds.
    """

    owner: int
    channel: str
    limit: int
    window: Instant
    until: Instant
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of each local day in which nothing goes; `start` > `end` passes midnight. No channels: all of them."""

    start: time
    end: time
    channels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MessageClass:
    """What a kind of message weighs, in hundredths, and which rules it obeys. The two flags are independent."""

    name: str
    weight: int = 100
    obeys_caps: bool = True
    counts_toward_caps: bool = True


# What holds until somebody says otherwise. An order confirmation answers the person's own act: it obeys no cap and takes no room.
MAX_WEIGHT = 1_000_000  # hundredths of a point
MOST_CHANNELS = 100  # that quiet hours name
LONGEST_CHANNEL = 60  # characters
DEFAULT_WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "email": 100,
        "push": 100,
        "webhook": 100,
        "in_app": 50,
        "sms": 200,
        "call": 500,
        "display": 10,
        "site": 0,
    }
)
DEFAULT_CLASSES: Mapping[str, MessageClass] = MappingProxyType(
    {
        "marketing": MessageClass("marketing"),
        "transactional": MessageClass("transactional", obeys_caps=False, counts_toward_caps=False),
    }
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of a person's account, as policies read it. `points` were frozen when it was reserved."""

    at: Instant
    channel: str
    message_class: str
    journey: int | None
    points: int
    counts: bool = True


class Status(StrEnum):
    """Of a ledger row. All but `released` count."""

    RESERVED = "reserved"
    COMMITTED = "committed"
    RELEASED = "released"
    UNKNOWN = "unknown"


class Origin(StrEnum):
    OWN = "own"
    REPORTED = "reported"  # a contact of somebody else, which came in as a touchpoint


class Reason(StrEnum):
    """Why an ask was refused, or passed all the same."""

    ROOM = "room"
    CAPPED = "capped"
    QUIET = "quiet_hours"
    NEVER = "never"  # the message alone is above a limit: no waiting helps
    EXEMPT = "exempt"  # its class obeys no caps
    URGENT = "urgent"  # let through by permission, against a policy
    ALREADY = "already"  # this key was reserved before


@dataclass(frozen=True, slots=True)
class Ask:
    """One wish to contact a person. `key` is the occurrence key: it is also the key of the ledger row and of the send.

    `owner` is the row id of the identifier that the ledger row will belong to, `profile` that of its profile now. `due_at` in
    the future reserves for that instant; in the past it means now. `time_zone`: the person's IANA zone, "" if unknown (the site's
    is taken). `quiet`: further quiet hours, of the journey. `urgent` passes against caps and quiet hours; who may set it is checked by who asks.
    """

    key: str
    profile: int
    owner: int
    channel: str
    message_class: str
    due_at: Instant
    journey: int | None = None
    version: int | None = None
    node: str = ""
    occurrence: int = 0
    priority: int = 0
    expected_value: float = 0.0
    time_zone: str = ""
    quiet: tuple[Quiet, ...] = ()
    urgent: bool = False
    when_capped: str = ""
    give_up_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How a policy stood towards one ask: `use` before it in the fullest window that would hold it, `cost`, `limit`, `room`."""

    policy: int | None  # None: a cap of the person's own
    version: int | None
    name: str
    unit: Unit
    use: int
    cost: int
    limit: int
    room: bool
    when_capped: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policies say to one ask: pure, nothing stored.

    `at`: the instant asked about. `winner`: the first of `uses` without room, when refused by a cap. `earliest`: the first instant
    from `at` on at which every window has room and it is not quiet; None when there is none.
    """

    passed: bool
    reason: Reason
    at: Instant
    cost: int
    counts: bool
    earliest: Instant | None
    uses: tuple[Use, ...] = ()
    winner: Use | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The stored answer to an ask. `id` is its row; `ledger` the row of the reservation when it passed.

    `when_capped`: what the step does about a refusal: its own setting, else that of the policy that won.
    """

    key: str
    id: int
    passed: bool
    reason: Reason
    earliest: Instant | None
    winner: str = ""
    ledger: int | None = None
    when_capped: str = ""
