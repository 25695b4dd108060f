"""Erasing identifiers from the graph on Neo4j. Each call runs inside the caller's transaction."""

from collections.abc import Collection, Sequence

from identity.graph import bodies
from identity.graph.evidence import carried, links, without
from identity.graph.neo4j_aside import COLUMNS, add_up, add_up_links, touchpoints
from identity.graph.neo4j_asking import Ask
from identity.graph.policy import Policy
from identity.graph.types import FORGOTTEN
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
_SILENCE = """
UNWIND $keys AS key MATCH (i:Identifier {key: key})
SET i:Hub, i.kind = $forgotten, i.quarantined = true, i.first_number = null, i.turned = null
RETURN collect(i.key)
"""
_LINKED = """
UNWIND $keys AS key MATCH (:Identifier {key: key})-[r:LINKED|GROUPED|DECIDED]-()
WITH r LIMIT $limit
WITH DISTINCT startNode(r).key AS a, endNode(r).key AS b
RETURN collect([a, b])
"""
_UNLINK = """
UNWIND $pairs AS pair
MATCH (:Identifier {key: pair[0]})-[r:LINKED|GROUPED|DECIDED]->(:Identifier {key: pair[1]})
DELETE r
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


def unnamed(ask: Ask, identifiers: Collection[Identifier]) -> list[Identifier]:
    """Return those that no touchpoint carries or belongs to."""
    named = set(ask(_NAMED, keys=[each.key for each in identifiers])[0])
    return sorted(each for each in identifiers if each.key not in named)


def silence(ask: Ask, identifiers: Collection[Identifier]) -> list[Identifier]:
    """Let these lead nowhere; return those that are stored."""
    [known] = ask(_SILENCE, keys=[each.key for each in identifiers], forgotten=FORGOTTEN)
    return [Identifier.of(key) for key in sorted(known)]


def linked(
    ask: Ask, identifiers: Collection[Identifier], limit: int
) -> list[tuple[Identifier, Identifier]]:
    """Return pairs that have links, of one of these and another."""
    [pairs] = ask(_LINKED, keys=[each.key for each in identifiers], limit=limit)
    return sorted((Identifier.of(a), Identifier.of(b)) for a, b in pairs)


def unlink(
    ask: Ask,
    pairs: Collection[tuple[Identifier, Identifier]],
    around: Collection[Identifier],
    policy: Policy,
) -> None:
    """Delete the links of these pairs; add up again what is known of those around."""
    ask(_UNLINK, pairs=[[a.key, b.key] for a, b in pairs])
    add_up(ask, sorted(around), None, policy)


def drop(
    ask: Ask, identifiers: Collection[Identifier], others: Collection[Identifier]
) -> list[Identifier]:
    """Delete nodes and memberships; return which of the others are gone."""
    _drop(ask, [each.key for each in identifiers])
    gone = unnamed(ask, others)
    _drop(ask, [each.key for each in gone])
    return gone


def _rewritten(touchpoint: Touchpoint, identifiers: Collection[Identifier]) -> list[object]:
    taken = [each.key for each in carried(touchpoint) if each in identifiers]
    return [touchpoint.id, bodies.encode(without(touchpoint, identifiers)), taken]


def _drop(ask: Ask, keys: Sequence[str]) -> None:
    [profiles] = ask(_PROFILES, keys=keys)
    ask(_DROP, keys=keys)
    ask(_EMPTY, ids=profiles)
