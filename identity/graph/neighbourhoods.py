"""Cutting a graph into its neighbourhoods. No Django, no store."""

from collections.abc import Iterable, Sequence

from identity.graph.policy import Policy
from identity.graph.types import Link, Neighbourhood, Node
from identity.touchpoints.types import Identifier


def neighbourhoods(
    nodes: Iterable[Node], links: Sequence[Link], policy: Policy
) -> list[Neighbourhood]:
    """Return the connected components; `links` hold no end outside `nodes`.

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
    for link in links:
        one, two = home.get(link.a), home.get(link.b)
        if one is None or two is None or one == two:
            continue
        if len(parts[one]) < len(parts[two]):
            one, two = two, one
        for moved in parts[two]:
            home[moved] = one
        parts[one] += parts.pop(two)
    evidence, edges = _evidence(links, home, policy)
    touched = {hub for around in edges.values() for hub in around}
    found = [
        Neighbourhood(
            tuple([known[each] for each in (*part, *edges.get(root, ()))]),
            tuple(evidence.get(root, ())),
        )
        for root, part in parts.items()
    ]
    found.extend(
        Neighbourhood((node,), ())
        for each, node in known.items()
        if each not in home and each not in touched
    )
    return found


def _evidence(
    links: Iterable[Link], home: dict[Identifier, Identifier], policy: Policy
) -> tuple[dict[Identifier, list[Link]], dict[Identifier, dict[Identifier, None]]]:
    """Return the links of each part, and the hubs at its edge."""
    evidence: dict[Identifier, list[Link]] = {}
    edges: dict[Identifier, dict[Identifier, None]] = {}
    for link in links:
        one, two = home.get(link.a), home.get(link.b)
        root = one or two
        if root is None:
            continue
        if one is None or two is None:
            edge = link.a if one is None else link.b
            if policy.is_household(edge):
                continue
            edges.setdefault(root, {})[edge] = None
        evidence.setdefault(root, []).append(link)
    return evidence, edges
