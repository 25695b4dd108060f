"""Hubs in the graph store on Neo4j: which there are under another policy, and what is around one."""

from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import LINK, listed
from identity.graph.neo4j_recording import neighbours
from identity.graph.policy import Policy
from identity.graph.recording import turns, under
from identity.graph.types import FORGOTTEN, Link, Neighbourhood, Node
from identity.touchpoints.types import Identifier

_LOOK = """
MATCH (i:Identifier) WHERE i.key > $after AND NOT i.kind IN ['household', $forgotten]
WITH i ORDER BY i.key LIMIT $limit
RETURN collect([i.key, i.degree, i.quarantined, i.turned])
"""
_TURN = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
SET i.quarantined = NOT i.quarantined, i.turned = $turned
FOREACH (_ IN CASE WHEN i.quarantined THEN [1] ELSE [] END | SET i:Hub)
FOREACH (_ IN CASE WHEN i.quarantined THEN [] ELSE [1] END | REMOVE i:Hub)
"""
_NODE = "[{0}.key, {0}.first_number, {0}:Hub, {0}.degree]"
_HUB = f"""
MATCH (h:Identifier {{key: $key}}) WHERE h.first_number IS NOT NULL
RETURN collect({_NODE.format("h")})
"""
_AROUND = f"""
MATCH (h:Identifier {{key: $key}})-[r:LINKED]-(far:Identifier)
WHERE far.first_number IS NOT NULL AND r.source >= 0
WITH r, far ORDER BY r.last_seen DESC, r.first_number DESC LIMIT $limit
RETURN collect([{_NODE.format("far")}, startNode(r).key, endNode(r).key, {listed("r", LINK)}])
"""


def around(ask: Ask, hub: Identifier, limit: int) -> Neighbourhood:
    """Return a hub, the newest of its links, and who is at their other ends."""
    [found] = ask(_HUB, key=hub.key)
    if not found:
        return Neighbourhood((), ())
    [rows] = ask(_AROUND, key=hub.key, limit=limit)
    nodes = {
        key: Node(Identifier.of(key), *rest)
        for key, *rest in (found[0], *(far for far, *_ in rows))
    }
    links = [
        Link(Identifier.of(a), Identifier.of(b), source, first, last, count, bool(same), strength)
        for _, a, b, source, first, last, count, same, strength, _ in rows
    ]
    return Neighbourhood(tuple(nodes.values()), tuple(links))


def turn(ask: Ask, after: str, limit: int, policy: Policy) -> tuple[list[Identifier], int, str]:
    """Write which of the identifiers behind `after` are hubs; return those whose neighbourhoods may have changed, how many were looked at, and the last."""
    [rows] = ask(_LOOK, after=after, limit=limit, forgotten=FORGOTTEN)
    wrong = [key for key, degree, hub, _ in rows if turns(Identifier.of(key), degree, hub, policy)]
    if wrong:
        ask(_TURN, keys=wrong, turned=under(policy))
    before = {key for key, _, _, turned in rows if turned == under(policy)}
    turned = before.union(wrong)
    keys = turned | neighbours(ask, [Identifier.of(key) for key in sorted(turned)])
    around = [Identifier.of(key) for key in sorted(keys)]
    return around, len(rows), rows[-1][0] if rows else after
