"""Links and neighbourhoods as values. No Django, no clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from identity.clock import Instant
from identity.touchpoints.types import Identifier


@dataclass(frozen=True, slots=True)
class Link:
    """All evidence of one source that two identifiers belong together; `a` < `b`.

    `same`: an alias call declared both values to be one. `strength` is 1 for exact evidence, lower for a model's guess: the highest of its touchpoints.
    """

    a: Identifier
    b: Identifier
    source: int
    first_seen: Instant
    last_seen: Instant
    count: int
    same: bool = False
    strength: float = 1.0


class Verdict(StrEnum):
    """What a person can decide about two identifiers; the words stand in the log, the API and as reasons of refusals."""

    ALWAYS = "always_link"  # they are one person, even if no evidence says so
    NEVER = "never_link"  # they must not end in one profile, whatever the evidence
    UNLINK = "unlink"  # what evidence says about this pair is void


# What was decided stands in a store beside the links, one per pair and verdict, under these in the place of a source.
RESERVED: Mapping[Verdict, int] = MappingProxyType(
    {Verdict.ALWAYS: -1, Verdict.NEVER: -2, Verdict.UNLINK: -3}
)
VERDICTS: Mapping[int, Verdict] = MappingProxyType({row: each for each, row in RESERVED.items()})
VOID = RESERVED[Verdict.UNLINK]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about two identifiers, `a` < `b`. `number`: in the log; the highest is the newest."""

    a: Identifier
    b: Identifier
    verdict: Verdict
    number: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Node:
    """An identifier of a neighbourhood. `first_number` is the inbox number under which it was first received.

    `degree`: how many person identifiers were seen with it. It says whether the node is a hub under another policy.
    """

    identifier: Identifier
    first_number: int
    quarantined: bool = False
    degree: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A connected component over all links, accepted, refused or void, and over what people decided to be one.

    Quarantined ends belong to it but do not conduct. `decisions`: those about two of its nodes.
    """

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    decisions: tuple[Decision, ...] = ()


# The first number of an identifier that touchpoints carried, but none that is evidence: any evidence is earlier.
UNVOUCHED = 2**62
FORGOTTEN = (
    "forgotten"  # in the place of the kind, of an identifier that takes part in nothing any more
)
SOURCE_FORGOTTEN = "source_forgotten"  # why a touchpoint is no evidence any more


class Hub(NamedTuple):
    """A quarantined identifier, and how many person identifiers are around it."""

    identifier: Identifier
    degree: int


@dataclass(frozen=True, slots=True)
class Block:
    """Some neighbourhoods of a walk; `after` leads to those behind."""

    neighbourhoods: Sequence[Neighbourhood]
    after: str


@dataclass(frozen=True, slots=True)
class Turned:
    """Whose neighbourhoods looking at `looked` identifiers again may have changed; `after` leads to those behind, None when these were the last."""

    around: Sequence[Identifier]
    looked: int
    after: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What stage 1 returns.

    `first_numbers`: for each touchpoint of the batch, by id, the inbox number under which it was *first* recorded. Stages 2 to 6
    take a touchpoint only when that is its own number.
    `neighbourhoods`: of every identifier that may now belong to another profile than before.
    """

    first_numbers: Mapping[str, int]
    neighbourhoods: Sequence[Neighbourhood]


@dataclass(frozen=True, slots=True)
class Swept:
    """What one slice of forgetting a source did.

    `after`: the highest number that it looked at, None when there was nothing left. `touchpoints`: how many of the source were
    among them. `around`: whose neighbourhoods may have changed by it.
    """

    after: int | None
    touchpoints: int
    around: Sequence[Identifier]


@dataclass(frozen=True, slots=True)
class Detached:
    """What one slice of forgetting an identifier looked at: those `around` it, whose neighbourhoods may have changed.

    `after`: where the next slice goes on, in words of this store alone; None when that was the last.
    """

    around: Sequence[Identifier]
    after: str | None


class Doubts(NamedTuple):
    """What of a store may not be as its touchpoints say: links, by their ends and source, and identifiers."""

    links: Collection[tuple[Identifier, Identifier, int]] = ()
    identifiers: Collection[Identifier] = ()


def alone(identifier: Identifier) -> Neighbourhood:
    """Return the neighbourhood of an identifier that leads nowhere any more."""
    return Neighbourhood((Node(identifier, UNVOUCHED),), ())
