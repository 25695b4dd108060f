"""Random neighbourhoods like those of a shop: the same for the same seed. No Django.

Most are one person with a user id, an e-mail address and one to three browsers: two to seven links. In one of eight, two or three
people share browsers; in one of 400, some 20 to 100 do: hundreds of links, and a limit (one user id) refuses some. There are no hubs.
"""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from identity.clock import Instant
from identity.graph.types import Link, Neighbourhood, Node
from identity.touchpoints.types import Identifier

START: Instant = 1_790_000_000_000  # 2026-09-21
SOURCE = 1
_YEAR = 365 * 86_400_000  # milliseconds


class Family(NamedTuple):
    """Identifiers, and links as (position, position, last seen), the first identifier before the second."""

    identifiers: list[Identifier]
    links: list[tuple[int, int, Instant]]


def families(links: int, *, seed: int = 0) -> Iterator[Family]:
    """Yield neighbourhoods until they have so many links."""
    draw = random.Random(seed)
    made = 0
    while made < links:
        family = _family(draw)
        made += len(family.links)
        yield family


def neighbourhood(family: Family, numbers: Sequence[int]) -> Neighbourhood:
    """Return it as a store returns it; `numbers`: under which each identifier was first received."""
    names = family.identifiers
    return Neighbourhood(
        tuple(map(Node, names, numbers)),
        tuple(Link(names[a], names[b], SOURCE, seen, seen, 1) for a, b, seen in family.links),
    )


def _family(draw: random.Random) -> Family:
    names: list[Identifier] = []
    pairs: list[tuple[int, int]] = []
    shared: list[int] = []  # a browser that the next person uses too
    for _ in range(_people(draw)):
        user, mail, browser = len(names), len(names) + 1, len(names) + 2
        names.append(Identifier("user_id", f"{draw.getrandbits(64):016x}"))
        names.append(Identifier("email", f"{draw.getrandbits(256):064x}"))
        browsers = [browser + each for each in range(draw.randint(1, 3))]
        names += [Identifier("anonymous_id", f"{draw.getrandbits(128):032x}") for _ in browsers]
        pairs.append((user, mail))
        for each in (*shared, *browsers):
            pairs.append((user, each))
            if draw.random() < 0.3:
                pairs.append((mail, each))
        shared = browsers[-1:]
    return Family(
        names,
        [
            (*((a, b) if names[a] < names[b] else (b, a)), START + draw.randrange(_YEAR))
            for a, b in pairs
        ],
    )


def _people(draw: random.Random) -> int:
    drawn = draw.random()
    if drawn < 1 / 400:
        return draw.randint(20, 100)
    return draw.randint(2, 3) if drawn < 1 / 8 else 1
