"""Why two identifiers are one person, or are not."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx

from identity.graph import policies, store
from identity.graph.partition import Partition, RefusedLink, partition
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Decision, Link, Neighbourhood, Verdict
from identity.touchpoints.types import Identifier

Pair = frozenset[Identifier]
HUB_LINKS = 50  # of a hub, shown to people: those seen last


@dataclass(frozen=True, slots=True)
class Step:
    """One pair on the way from one identifier to the other.

    `evidence`: one link per source. `refused`: the reason, or "". `decision`: that these two are one person, where people said so.
    """

    a: Identifier
    b: Identifier
    evidence: tuple[Link, ...]
    refused: str
    decision: Decision | None = None


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
    a: Identifier,
    b: Identifier,
    *,
    graph: GraphStore | None = None,
    policy: Policy | None = None,
) -> Explanation:
    """Return the chain of evidence from `a` to `b`."""
    found = (graph or store()).neighbourhoods([a, b])
    shared = [each for each in found if {a, b} <= {node.identifier for node in each.nodes}]
    if not shared or a == b:
        return Explanation(a == b and bool(found), ())
    parts = partition(shared[0], policy or policies.current())
    home = {
        node.identifier: number
        for number, profile in enumerate(parts.profiles)
        for node in profile
    }
    together = home[a] == home[b]
    pairs = pairs_of(shared[0])
    refused = {frozenset((link.a, link.b)): link.reason for link in parts.refused}
    decided = decided_in(shared[0], parts)
    usable = [
        pair
        for pair in {**pairs, **decided}
        if not together
        or (accepted(pair, refused, decided) and {home[end] for end in pair} == {home[a]})
    ]

    def step(one: Identifier, two: Identifier) -> Step:
        pair = frozenset((one, two))
        decision = decided.get(pair)
        reason = "" if decision else refused.get(pair, "")
        return Step(one, two, pairs.get(pair, ()), reason, decision)

    return Explanation(together, _chain(a, b, usable, step))


def refusals(
    identifiers: Iterable[Identifier],
    *,
    graph: GraphStore | None = None,
    policy: Policy | None = None,
) -> list[Refusal]:
    """Return the refused links with an end among these identifiers (of a profile, say); of a hub those seen last."""
    wanted, found = set(identifiers), {}
    policy = policy or policies.current()
    for neighbourhood in around(wanted, graph or store()):
        pairs = pairs_of(neighbourhood)
        for link in partition(neighbourhood, policy).refused:
            pair = frozenset((link.a, link.b))
            if pair & wanted:
                found[pair] = Refusal(link, pairs[pair])
    return list(found.values())


def around(identifiers: Collection[Identifier], graph: GraphStore) -> Iterator[Neighbourhood]:
    """Yield the neighbourhoods of these; a hub that comes by itself has the newest of its links, so that people see why."""
    for each in graph.neighbourhoods(identifiers):
        first, *others = each.nodes
        alone = first.quarantined and not others
        yield graph.around(first.identifier, limit=HUB_LINKS) if alone else each


def decided_in(neighbourhood: Neighbourhood, parts: Partition) -> dict[Pair, Decision]:
    """Return the pairs that people decided to be one person, where that holds."""
    overruled = {each.decision for each in parts.overruled}
    return {
        frozenset((each.a, each.b)): each
        for each in neighbourhood.decisions
        if each.verdict is Verdict.ALWAYS and each not in overruled
    }


def accepted(pair: Pair, refused: Mapping[Pair, str], decided: Mapping[Pair, Decision]) -> bool:
    """Tell whether a pair of one profile holds it together: its evidence is not void, or people decided so."""
    return pair in decided or refused.get(pair) != Verdict.UNLINK


def pairs_of(neighbourhood: Neighbourhood) -> dict[Pair, tuple[Link, ...]]:
    found: dict[Pair, tuple[Link, ...]] = {}
    for link in neighbourhood.links:
        pair = frozenset((link.a, link.b))
        found[pair] = (*found.get(pair, ()), link)
    return found


def _chain(
    a: Identifier,
    b: Identifier,
    usable: Iterable[Pair],
    step: Callable[[Identifier, Identifier], Step],
) -> tuple[Step, ...]:
    drawn = networkx.Graph()
    drawn.add_nodes_from((a, b))
    drawn.add_edges_from(sorted(sorted(pair) for pair in usable))
    if not networkx.has_path(drawn, a, b):
        return ()
    return tuple(step(one, two) for one, two in pairwise(networkx.shortest_path(drawn, a, b)))
