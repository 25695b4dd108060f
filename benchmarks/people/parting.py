"""How fast the pure partition is, on neighbourhoods that it has never seen, against a bare union-find on the same links.

    python -m benchmarks.inside benchmarks.people.parting LINKS
One process, as seldom interrupted by the garbage collector as the lane. The neighbourhoods are made before the clock runs.
"""

import sys
import time
from collections.abc import Iterable, Sequence
from itertools import count, islice

import msgspec

from benchmarks.people.families import families, neighbourhood
from benchmarks.people.measures import Parted
from dmp_site.processes.garbage import collect_seldom
from identity.graph.partition import partition
from identity.graph.policy import DEFAULT
from identity.graph.types import Link, Neighbourhood
from identity.touchpoints.types import Identifier

_BLOCK = 500  # neighbourhoods made at once: as many as a batch of the lane may touch


def main(links: str) -> None:
    collect_seldom()
    sys.stdout.write(msgspec.json.encode(measure(int(links))).decode())


def measure(links: int) -> Parted:
    found, numbers = Parted(), count(1)
    drawn = families(links)
    while block := list(islice(drawn, _BLOCK)):
        made = [
            (neighbourhood(family, [next(numbers) for _ in family.identifiers]), _alone(family[0]))
            for family in block
        ]
        alone = [each for each, one in made if one]
        several = [each for each, one in made if not one]
        found.alone += _links(alone)
        found.alone_seconds += _partition(alone)
        found.several += _links(several)
        found.several_seconds += _partition(several)
        found.bare_seconds += _union(each for each, _ in made)
    return found


def _alone(identifiers: Sequence[Identifier]) -> bool:
    return sum(each.namespace == "user_id" for each in identifiers) == 1


def _links(neighbourhoods: Iterable[Neighbourhood]) -> int:
    return sum(len(each.links) for each in neighbourhoods)


def _partition(neighbourhoods: Iterable[Neighbourhood]) -> float:
    begun = time.perf_counter()
    for each in neighbourhoods:
        partition(each, DEFAULT)
    return time.perf_counter() - begun


def _union(neighbourhoods: Iterable[Neighbourhood]) -> float:
    begun = time.perf_counter()
    for each in neighbourhoods:
        _joined(each.links)
    return time.perf_counter() - begun


def _joined(links: Iterable[Link]) -> dict[Identifier, Identifier]:
    """Join whatever is linked: no limits, no order, nothing refused."""
    above: dict[Identifier, Identifier] = {}

    def root(node: Identifier) -> Identifier:
        while (higher := above.setdefault(node, node)) is not node:
            above[node] = node = above[higher]
        return node

    for link in links:
        above[root(link.a)] = root(link.b)
    return above
