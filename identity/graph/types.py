"""Links and neighbourhoods as values. No Django, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from identity.clock import Instant
from identity.touchpoints.types import Identifier


@dataclass(frozen=True, slots=True)
class Link:
    """All evidence of one source that two identifiers belong together; `a` < `b`.

    `same`: an alias call declared both values to be one. `strength` is 1 for exact evidence, lower for a model's guess.
    """

    a: Identifier
    b: Identifier
    source: int
    first_seen: Instant
    last_seen: Instant
    count: int
    same: bool = False
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """An identifier of a neighbourhood. `first_number` is the inbox number under which it was first received."""

    identifier: Identifier
    first_number: int
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A connected component over all links, accepted or refused; quarantined ends belong to it but do not conduct."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What stage 1 returns.

    `first_numbers`: for each touchpoint of the batch, by id, the inbox number under which it was *first* recorded. Stages 2 to 6
    take a touchpoint only when that is its own number.
    `neighbourhoods`: of every identifier that may now belong to another profile than before.
    """

    first_numbers: Mapping[str, int]
    neighbourhoods: Sequence[Neighbourhood]
