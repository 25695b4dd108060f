"""Hubs in the graph store on Neo4j: which there are under another policy."""

from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_recording import neighbours
from identity.graph.policy import Policy
from identity.graph.recording import turns, under
from identity.graph.types import FORGOTTEN
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


def turn(ask: Ask, after: str, limit: int, policy: Policy) -> tuple[set[str], int, str]:
    """Write which of the identifiers behind `after` are hubs; return the keys whose neighbourhoods may have changed, how many were looked at, and the last."""
    [rows] = ask(_LOOK, after=after, limit=limit, forgotten=FORGOTTEN)
    wrong = [key for key, degree, hub, _ in rows if turns(Identifier.of(key), degree, hub, policy)]
    if wrong:
        ask(_TURN, keys=wrong, turned=under(policy))
    before = {key for key, _, _, turned in rows if turned == under(policy)}
    turned = before.union(wrong)
    around = neighbours(ask, [Identifier.of(key) for key in sorted(turned)])
    return turned | around, len(rows), rows[-1][0] if rows else after
