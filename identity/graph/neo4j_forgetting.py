"""Taking evidence away for good, in the graph on Neo4j: all that a source brought, or one identifier."""

from identity.graph import bodies
from identity.graph.evidence import carried, links, no_evidence, once_evidence
from identity.graph.neo4j_aside import COLUMNS, UNLINK, add_up, touchpoints
from identity.graph.neo4j_asking import Ask
from identity.graph.policy import Policy
from identity.graph.types import FORGOTTEN, UNVOUCHED, Detached, Swept
from identity.touchpoints.types import Identifier

_SLICE = f"""
MATCH (t:Touchpoint) WHERE t.number > $after
WITH t ORDER BY t.number LIMIT $limit
RETURN max(t.number), collect(CASE WHEN t.source = $source THEN [t:Aside, {COLUMNS}] END)
"""
_REWRITE = """
UNWIND $rows AS row MATCH (t:Touchpoint {id: row[0]}) SET t.body = row[1]
WITH t MATCH (t)-[r:CARRIES]->() DELETE r
"""
_UNVOUCH = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
WHERE i.first_number IS NULL AND i.kind <> $forgotten
SET i.first_number = $unvouched
"""
_FORGET = """
MERGE (i:Identifier {key: $key})
ON CREATE SET i.namespace = $namespace, i.degree = 0
SET i:Hub, i.kind = $forgotten, i.quarantined = true, i.first_number = null, i.turned = null
"""
_AROUND = """
MATCH (:Identifier {key: $key})-[:LINKED]-(o)
WITH DISTINCT o.key AS key WHERE key > $after
WITH key ORDER BY key LIMIT $limit
RETURN collect(key)
"""


def forget_source(ask: Ask, source: int, after: int, limit: int, policy: Policy) -> Swept:
    """Take one slice of a source out of the evidence."""
    last, rows = ask(_SLICE, source=source, after=after, limit=limit)
    if last is None:
        return Swept(None, 0, ())
    aside = {row[0] for apart, row in rows if apart}
    found = once_evidence(touchpoints([row for _, row in rows]))
    carrying = sorted({identifier for each in found for identifier in carried(each)})
    if carrying:
        ask(_REWRITE, rows=[[each.id, bodies.encode(each)] for each in no_evidence(found)])
        ask(UNLINK, pairs=[[a.key, b.key, source] for a, b, source in sorted(links(found))])
        add_up(ask, carrying, None, policy)
        seen = {one.key for each in found if each.number not in aside for one in carried(each)}
        ask(_UNVOUCH, keys=sorted(seen), forgotten=FORGOTTEN, unvouched=UNVOUCHED)
    return Swept(last, len(found), carrying)


def forget(ask: Ask, identifier: Identifier, after: str, limit: int, policy: Policy) -> Detached:
    """Take one identifier out of everything, and add up again what is known of one slice of those around it."""
    ask(_FORGET, key=identifier.key, namespace=identifier.namespace, forgotten=FORGOTTEN)
    [keys] = ask(_AROUND, key=identifier.key, after=after, limit=limit)
    around = [Identifier.of(key) for key in keys]
    add_up(ask, around, None, policy)
    return Detached(around, keys[-1] if len(keys) == limit else None)
