"""What holds a profile together and what was kept out of it: nodes, links with their evidence, the links that it would fall apart without."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple

import networkx

from identity.graph import policies, store
from identity.graph.partition import partition
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Decision, Link, Neighbourhood, Node
from identity.profiles.explain import Pair, accepted, around, decided_in, pairs_of
from identity.touchpoints.types import Identifier

MOST = 200  # nodes; the strongest are drawn, and what hangs on them

_Near = Mapping[Identifier, set[Identifier]]
_Rank = Callable[[Identifier], Any]


class Dot(NamedTuple):
    """An identifier. `inside`: it belongs to the profile that is drawn. `hub`: quarantined, it joins nobody."""

    identifier: Identifier
    inside: bool
    hub: bool


class Tie(NamedTuple):
    """Two identifiers that were seen together, `a` < `b`.

    `evidence`: one link per source. `refused`: why it joins nobody, "" when it does. `decision`: that people declared them to be one. `bridge`: the
    profile holds together by it alone at this place.
    """

    a: Identifier
    b: Identifier
    evidence: tuple[Link, ...]
    refused: str
    decision: Decision | None
    bridge: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """`left_out`: how many identifiers there are beyond those that are drawn, with all of their links.

    `people`: of a hub, how many identifiers of people are around it; only its links seen last are here. 0: it is none.
    """

    dots: tuple[Dot, ...]
    ties: tuple[Tie, ...]
    left_out: int = 0
    people: int = 0


def draw(
    identifiers: Collection[Identifier],
    *,
    most: int = MOST,
    graph: GraphStore | None = None,
    policy: Policy | None = None,
) -> Drawing:
    """Return the drawing of the profile of these identifiers, with what its refused links lead to."""
    inside, policy = set(identifiers), policy or policies.current()
    found = _Found()
    for neighbourhood in around(inside, graph or store()):
        found.add(neighbourhood, inside, policy)
    bridges = _bridges(found.holding, inside)
    kept = _kept(inside, found, most, policy.rank)
    dots = sorted(
        (Dot(each, each in inside, each in found.hubs) for each in kept),
        key=lambda dot: (not dot.inside, policy.rank(dot.identifier)),
    )
    ties = [
        Tie(min(pair), max(pair), *told, pair in bridges)
        for pair, told in found.ties.items()
        if pair <= kept
    ]
    left_out = len(inside | found.around) - len(kept)
    people = sum(degree for hub, degree in found.hubs.items() if hub in inside)
    return Drawing(tuple(dots), tuple(sorted(ties, key=lambda tie: tie[:2])), left_out, people)


def _kept(inside: set[Identifier], found: "_Found", most: int, rank: _Rank) -> set[Identifier]:
    """Return what is drawn. A quarter of the room at the most is kept for what was refused: that is why people look."""
    near = _near(found.ties)
    outside = found.around - inside
    mine = _along(inside, near, most - min(len(outside), most // 4), rank)
    beside = (each for each in outside if not mine.isdisjoint(near[each]))
    return mine | set(sorted(beside, key=rank)[: most - len(mine)])


def _near(pairs: Iterable[Pair]) -> dict[Identifier, set[Identifier]]:
    found: dict[Identifier, set[Identifier]] = {}
    for a, b in pairs:
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


def _along(inside: set[Identifier], near: _Near, most: int, rank: _Rank) -> set[Identifier]:
    """Return up to `most`: the strongest, then always the strongest that is linked with one of them, so that none stands alone."""
    found, seen = set[Identifier](), set[Identifier]()
    for first in sorted(inside, key=rank):
        waiting = [] if first in seen else [(rank(first), first)]
        seen.add(first)
        while waiting and len(found) < most:
            _, each = heappop(waiting)
            found.add(each)
            new = (near.get(each, set()) & inside) - seen
            seen |= new
            for other in new:
                heappush(waiting, (rank(other), other))
    return found


class _Found:
    """What the neighbourhoods of a profile say about it: links with an end inside."""

    def __init__(self) -> None:
        self.ties: dict[Pair, tuple[tuple[Link, ...], str, Decision | None]] = {}
        self.holding: set[Pair] = set()
        self.hubs: dict[Identifier, int] = {}  # how many person identifiers are around each
        self.around: set[Identifier] = set()

    def add(self, neighbourhood: Neighbourhood, inside: set[Identifier], policy: Policy) -> None:
        parts = partition(neighbourhood, policy)
        refused = {frozenset((link.a, link.b)): link.reason for link in parts.refused}
        decided = decided_in(neighbourhood, parts)
        pairs = pairs_of(neighbourhood)
        for pair in {**pairs, **decided}:
            if not pair & inside:
                continue
            decision = decided.get(pair)
            reason = "" if decision else refused.get(pair, "")
            self.ties[pair] = pairs.get(pair, ()), reason, decision
            self.around |= pair
            if pair <= inside and accepted(pair, refused, decided):
                self.holding.add(pair)
        self.hubs |= _hubs(neighbourhood.nodes)


def _hubs(nodes: Iterable[Node]) -> dict[Identifier, int]:
    return {node.identifier: node.degree for node in nodes if node.quarantined}


def _bridges(holding: Iterable[Pair], inside: Iterable[Identifier]) -> set[Pair]:
    """Return the links without which something would belong to somebody else."""
    drawn = networkx.Graph()
    drawn.add_nodes_from(inside)
    drawn.add_edges_from(tuple(pair) for pair in holding)
    return {frozenset(pair) for pair in networkx.bridges(drawn)}
