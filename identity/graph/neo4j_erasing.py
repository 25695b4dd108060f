"""Erasing identifiers from the graph on Neo4j. Each call runs inside the caller's transaction."""

from collections.abc import Collection, Sequence

from identity.graph import bodies
from identity.graph.evidence import carried, links, without
from identity.graph.neo4j_aside import COLUMNS, add_up, add_up_links, touchpoints
from identity.graph.neo4j_asking import Ask
from identity.graph.policy import Policy
from identity.touchpoints.types import Identifier, Touchpoint

_CARRYING = f"""
UNWIND $keys AS key
CALL (key) {{
  MATCH (:Identifier {{key: key}})<-[:CARRIES]-(t:Touchpoint) RETURN t
  UNION
  MATCH (t:Touchpoint) WHERE t.owner = key AND t.at IS NOT NULL AND t.id IS NOT NULL RETURN t
  UNION
  MATCH (t:Aside) WHERE t.aside_owner = key RETURN t
}}
WITH t WHERE t.number > $after
WITH DISTINCT t ORDER BY t.number LIMIT $limit
RETURN collect({COLUMNS})
"""
_STORED = f"UNWIND $ids AS id MATCH (t:Touchpoint {{id: id}}) RETURN collect({COLUMNS})"
_DELETE = "UNWIND $ids AS id MATCH (t:Touchpoint {id: id}) DETACH DELETE t"
_REWRITE = """
UNWIND $rows AS row
MATCH (t:Touchpoint {id: row[0]}) SET t.body = row[1]
WITH t, row UNWIND row[2] AS key
MATCH (t)-[c:CARRIES]->(:Identifier {key: key})
DELETE c
"""
_PROFILES = """
UNWIND $keys AS key MATCH (:Identifier {key: key})-[:MEMBER_OF]->(p:Profile)
RETURN collect(DISTINCT p.id)
"""
_DROP = "UNWIND $keys AS key MATCH (i:Identifier {key: key}) DETACH DELETE i"
_EMPTY = "UNWIND $ids AS id MATCH (p:Profile {id: id}) WHERE NOT EXISTS { (p)<-[:MEMBER_OF]-() } DELETE p"
# What a forgotten source brought carries nothing, and belongs to somebody still.
_NAMED = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
WHERE EXISTS { (i)<-[:CARRIES]-() }
   OR EXISTS { MATCH (t:Touchpoint) WHERE t.owner = key AND t.at IS NOT NULL AND t.id IS NOT NULL }
   OR EXISTS { MATCH (t:Aside) WHERE t.aside_owner = key }
RETURN collect(i.key)
"""


def carrying(
    ask: Ask, identifiers: Collection[Identifier], after: int, limit: int
) -> list[Touchpoint]:
    """Return touchpoints that are evidence for these or belong to them, by number, above `after`."""
    keys = sorted(each.key for each in identifiers)
    return touchpoints(ask(_CARRYING, keys=keys, after=after, limit=limit)[0])


def erase(
    ask: Ask, ids: Sequence[str], identifiers: Collection[Identifier], policy: Policy
) -> None:
    """Delete touchpoints of these identifiers' or nobody's; take the identifiers out of the others."""
    found = touchpoints(ask(_STORED, ids=list(ids))[0])
    going = [each for each in found if each.owner is None or each.owner in identifiers]
    staying = [each for each in found if each.owner and each.owner not in identifiers]
    ask(_DELETE, ids=[each.id for each in going])
    ask(_REWRITE, rows=[_rewritten(each, identifiers) for each in staying])
    between = {
        key for key in links(going) if key[0] not in identifiers and key[1] not in identifiers
    }
    add_up_links(ask, between, policy)


def drop(
    ask: Ask,
    identifiers: Collection[Identifier],
    others: Collection[Identifier],
    policy: Policy,
) -> list[Identifier]:
    """Delete nodes, links and memberships; return which of the others are gone."""
    _drop(ask, [each.key for each in identifiers])
    named_still = set(ask(_NAMED, keys=[each.key for each in others])[0])
    _drop(ask, [each.key for each in others if each.key not in named_still])
    left = sorted(each for each in others if each.key in named_still)
    add_up(ask, left, None, policy)
    return sorted(each for each in others if each.key not in named_still)


def _rewritten(touchpoint: Touchpoint, identifiers: Collection[Identifier]) -> list[object]:
    taken = [each.key for each in carried(touchpoint) if each in identifiers]
    return [touchpoint.id, bodies.encode(without(touchpoint, identifiers)), taken]


def _drop(ask: Ask, keys: Sequence[str]) -> None:
    [profiles] = ask(_PROFILES, keys=keys)
    ask(_DROP, keys=keys)
    ask(_EMPTY, ids=profiles)
