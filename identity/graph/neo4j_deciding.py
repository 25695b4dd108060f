"""What people decided, in the graph on Neo4j: relationships under reserved sources. What joins is LINKED, what keeps apart DECIDED."""

from typing import Any

from identity.graph.neo4j_aside import add_up
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import LINK, assigned, kind_of, link_row
from identity.graph.neo4j_recording import LINKS, neighbours
from identity.graph.policy import Policy
from identity.graph.recording import Standing, decided

_MAKE = """
UNWIND $rows AS row MERGE (i:Identifier {key: row[0]})
ON CREATE SET i.namespace = row[1], i.kind = row[2], i.degree = 0, i.quarantined = false
"""
_CLEAR = """
UNWIND $pairs AS pair
MATCH (:Identifier {key: pair[0]})-[r:LINKED|DECIDED]->(:Identifier {key: pair[1]})
WHERE r.source < 0
DELETE r
"""
_LINKS = f"{LINKS}SET {assigned('r', LINK)}"


def decide(ask: Ask, standing: Standing, policy: Policy) -> set[str]:
    """Let exactly these decisions stand about these pairs; return the keys whose neighbourhoods may have changed."""
    ends = sorted({end for pair in standing for end in pair})
    ask(_MAKE, rows=[[end.key, end.namespace, policy[end.namespace].kind.value] for end in ends])
    ask(_CLEAR, pairs=[[a.key, b.key] for a, b in standing])
    rows: dict[str, list[dict[str, Any]]] = {}
    for a, b, (source, *values, conducts, number) in decided(standing):
        kind = kind_of(source, conducts=conducts)
        rows.setdefault(kind, []).append(link_row(a, b, (source, *values, number)))
    for kind, found in rows.items():
        ask(_LINKS.replace("TYPE", kind), rows=found)
    known = add_up(ask, ends, None, policy)
    # Taking back an `unlink` may have made these hubs just now; a retry finds them again.
    limits = {end: policy[end.namespace].hub for end in known}
    hubs = [end for end, limit in limits.items() if limit and known[end].degree == limit + 1]
    return {end.key for end in ends} | neighbours(ask, hubs)
