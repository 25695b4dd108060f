"""Why two identifiers are one person, or are not."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import networkx

from identity.graph import store
from identity.graph.partition import RefusedLink, partition
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphStore
from identity.graph.types import Link, Neighbourhood
from identity.touchpoints.types import Identifier

Pair = frozenset[Identifier]


@dataclass(frozen=True, slots=True)
class Step:
    """One pair on the way from one identifier to the other. `evidence`: one link per source. `refused`: the reason, or ""."""

    a: Identifier
    b: Identifier
    evidence: tuple[Link, ...]
    refused: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`together`: both belong to one profile now. `chain`: the shortest way between them, empty when nothing connects them.

    Two that are together are explained by accepted links alone.
    """

    together: bool
    chain: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A link that the policy refuses at present, with its evidence."""

    link: RefusedLink
    evidence: tuple[Link, ...]


def explain(
    a: Identifier, b: Identifier, *, graph: GraphStore | None = None, policy: Policy = DEFAULT
) -> Explanation:
    """Return the chain of evidence from `a` to `b`."""
    found = (graph or store()).neighbourhoods([a, b])
    shared = [each for each in found if {a, b} <= {node.identifier for node in each.nodes}]
    if not shared or a == b:
        return Explanation(a == b and bool(found), ())
    parts = partition(shared[0], policy)
    home = {
        node.identifier: number
        for number, profile in enumerate(parts.profiles)
        for node in profile
    }
    together = home[a] == home[b]
    pairs = _pairs(shared[0])
    usable = [pair for pair in pairs if not together or {home[end] for end in pair} == {home[a]}]
    refused = {frozenset((link.a, link.b)): link.reason for link in parts.refused}
    return Explanation(together, _chain(a, b, usable, pairs, refused))


def refusals(
    identifiers: Iterable[Identifier],
    *,
    graph: GraphStore | None = None,
    policy: Policy = DEFAULT,
) -> list[Refusal]:
    """Return the refused links with an end among these identifiers (of a profile, say)."""
    wanted = set(identifiers)
    found = {}
    for neighbourhood in (graph or store()).neighbourhoods(wanted):
        pairs = _pairs(neighbourhood)
        for link in partition(neighbourhood, policy).refused:
            pair = frozenset((link.a, link.b))
            if pair & wanted:
                found[pair] = Refusal(link, pairs[pair])
    return list(found.values())


def _pairs(neighbourhood: Neighbourhood) -> dict[Pair, tuple[Link, ...]]:
    found: dict[Pair, tuple[Link, ...]] = {}
    for link in neighbourhood.links:
        pair = frozenset((link.a, link.b))
        found[pair] = (*found.get(pair, ()), link)
    return found


def _chain(
    a: Identifier,
    b: Identifier,
    usable: Iterable[Pair],
    pairs: dict[Pair, tuple[Link, ...]],
    refused: dict[Pair, str],
) -> tuple[Step, ...]:
    drawn = networkx.Graph()
    drawn.add_nodes_from((a, b))
    drawn.add_edges_from(sorted(sorted(pair) for pair in usable))
    if not networkx.has_path(drawn, a, b):
        return ()
    way = networkx.shortest_path(drawn, a, b)
    return tuple(
        Step(one, two, pairs[frozenset((one, two))], refused.get(frozenset((one, two)), ""))
        for one, two in pairwise(way)
    )
