"""Cutting a graph into its neighbourhoods. No Django, no store."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from identity.graph.policy import Policy
from identity.graph.types import Decision, Link, Neighbourhood, Node, Verdict
from identity.touchpoints.types import Identifier

_Pair = TypeVar("_Pair", Link, Decision)
_Home = dict[Identifier, Identifier]  # node -> what stands for its neighbourhood


def neighbourhoods(
    nodes: Iterable[Node],
    links: Sequence[Link],
    policy: Policy,
    decisions: Sequence[Decision] = (),
) -> list[Neighbourhood]:
    """Return the connected components; `links` and `decisions` hold no end outside `nodes`.

    A hub does not conduct: it belongs to each neighbourhood that it touches, and to one of its own when it touches none. A
    household is in none of its members' neighbourhoods.
    """
    known = {node.identifier: node for node in nodes}
    home = {
        each: each
        for each, node in known.items()
        if not (node.quarantined or policy.is_household(each))
    }
    parts = {each: [each] for each in home}  # the smaller part moves when two join
    for a, b in _joining(links, decisions):
        one, two = home.get(a), home.get(b)
        if one is None or two is None or one == two:
            continue
        if len(parts[one]) < len(parts[two]):
            one, two = two, one
        for moved in parts[two]:
            home[moved] = one
        parts[one] += parts.pop(two)
    edges: dict[Identifier, dict[Identifier, None]] = {}  # the hubs at the edge of each part
    evidence = _of_parts(links, home, policy, edges)
    decided = _of_parts(_telling(decisions, home), home, policy, edges)
    touched = {hub for around in edges.values() for hub in around}
    found = [
        Neighbourhood(
            tuple([known[each] for each in (*part, *edges.get(root, ()))]),
            tuple(evidence.get(root, ())),
            tuple(decided.get(root, ())),
        )
        for root, part in parts.items()
    ]
    found.extend(
        Neighbourhood((node,), ())
        for each, node in known.items()
        if each not in home and each not in touched
    )
    return found


def _joining(
    links: Iterable[Link], decisions: Iterable[Decision]
) -> Iterator[tuple[Identifier, Identifier]]:
    """Yield the pairs that belong to one neighbourhood, whatever becomes of them there."""
    for link in links:
        yield link.a, link.b
    for decision in decisions:
        if decision.verdict is Verdict.ALWAYS:
            yield decision.a, decision.b


def _telling(decisions: Iterable[Decision], home: _Home) -> Iterator[Decision]:
    """Leave out what says nothing here: keeping apart what stands apart, or what is a hub anyway."""
    for decision in decisions:
        one, two = home.get(decision.a), home.get(decision.b)
        if one == two or decision.verdict is Verdict.ALWAYS:
            yield decision


def _of_parts(
    pairs: Iterable[_Pair],
    home: _Home,
    policy: Policy,
    edges: dict[Identifier, dict[Identifier, None]],
) -> dict[Identifier, list[_Pair]]:
    """Return what is said about pairs of each part; put the hubs that it names into `edges`."""
    found: dict[Identifier, list[_Pair]] = {}
    for pair in pairs:
        one, two = home.get(pair.a), home.get(pair.b)
        root = one or two
        if root is None:
            continue
        if one is None or two is None:
            edge = pair.a if one is None else pair.b
            if policy.is_household(edge):
                continue
            edges.setdefault(root, {})[edge] = None
        found.setdefault(root, []).append(pair)
    return found
