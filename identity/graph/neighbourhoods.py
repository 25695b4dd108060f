"""Cutting a graph into its neighbourhoods. No Django, no store."""

from collections.abc import Iterable, Sequence

from identity.graph.policy import Policy
from identity.graph.types import Link, Neighbourhood, Node
from identity.touchpoints.types import Identifier


def neighbourhoods(
    nodes: Iterable[Node], links: Sequence[Link], policy: Policy
) -> list[Neighbourhood]:
    """Return the connected components, in the order of their first identifiers; `links` hold no end outside `nodes`.

    A hub does not conduct: it belongs to each neighbourhood that it touches, and to one of its own when it touches none. A
    household is in none of its members' neighbourhoods.
    """
    known = {node.identifier: node for node in nodes}
    households = {each for each in known if policy.is_household(each)}
    conduct = {
        each for each, node in known.items() if not node.quarantined and each not in households
    }
    roots = {each: each for each in conduct}
    for link in links:
        if link.a in conduct and link.b in conduct:
            roots[_find(roots, link.b)] = _find(roots, link.a)
    members: dict[Identifier, dict[Identifier, None]] = {}
    evidence: dict[Identifier, list[Link]] = {}
    for each in conduct:
        members.setdefault(_find(roots, each), {})[each] = None
    for link in links:
        if link.a in households or link.b in households:
            continue
        inner = link.a if link.a in conduct else link.b
        if inner in conduct:
            root = _find(roots, inner)
            evidence.setdefault(root, []).append(link)
            members[root] |= {link.a: None, link.b: None}
    touched = {each for part in members.values() for each in part}
    parts = [
        Neighbourhood(tuple(known[each] for each in sorted(part)), tuple(evidence.get(root, ())))
        for root, part in members.items()
    ]
    parts.extend(Neighbourhood((node,), ()) for each, node in known.items() if each not in touched)
    return sorted(parts, key=lambda part: part.nodes[0].identifier)


def _find(roots: dict[Identifier, Identifier], each: Identifier) -> Identifier:
    while roots[each] != each:
        roots[each] = each = roots[roots[each]]
    return each
