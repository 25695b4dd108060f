"""Reading Neo4j page by page: touchpoints, hubs, and the steps of a walk over all identifiers."""

from collections.abc import Collection, Sequence
from typing import Any

from identity.clock import Instant
from identity.graph.neo4j_aside import COLUMNS, touchpoints
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_reading import reach
from identity.graph.policy import Policy
from identity.graph.types import FORGOTTEN, Block, Hub, Neighbourhood, Node
from identity.touchpoints.types import Identifier, Touchpoint

_LATEST = 2**63 - 1  # above every time and number
# An index over several properties is used only where each of them is asked for.
_TIMELINE = f"""
UNWIND $keys AS key
CALL (key) {{
  MATCH (t:Touchpoint)
  WHERE t.owner = key AND t.at <= $at AND t.id IS NOT NULL AND (t.at < $at OR t.id < $id)
  RETURN t ORDER BY t.at DESC, t.id DESC LIMIT $limit
}}
WITH t ORDER BY t.at DESC, t.id DESC LIMIT $limit
RETURN collect({COLUMNS})
"""
_UNOWNED = f"""
MATCH (t:Unowned {{source: $source}}) WHERE t.number < $before
WITH t ORDER BY t.number DESC LIMIT $limit
RETURN collect({COLUMNS})
"""
_SCAN = f"""
MATCH (t:Touchpoint) WHERE t.number > $after AND NOT t:Aside
WITH t ORDER BY t.number LIMIT $limit
RETURN collect({COLUMNS})
"""
_HUBS = """
MATCH (h:Hub) WHERE h.key > $after AND h.kind <> $forgotten
WITH h ORDER BY h.key LIMIT $limit
RETURN collect([h.key, h.degree])
"""
_BLOCK = """
MATCH (i:Identifier) WHERE i.key > $after AND i.first_number IS NOT NULL AND i.kind <> 'household'
WITH i ORDER BY i.key LIMIT $limit
RETURN collect(i.key)
"""


def timeline(
    ask: Ask, keys: Collection[str], before: tuple[Instant, str] | None, limit: int
) -> list[Touchpoint]:
    """Return the newest touchpoints of these owners, before a place in the timeline."""
    at, uid = before or (_LATEST, "")
    return _touchpoints(ask, _TIMELINE, keys=sorted(keys), at=at, id=uid, limit=limit)


def unowned(ask: Ask, source: int, before: int | None, limit: int) -> list[Touchpoint]:
    """Return the newest touchpoints of a source that are nobody's."""
    highest = _LATEST if before is None else before
    return _touchpoints(ask, _UNOWNED, source=source, before=highest, limit=limit)


def scan(ask: Ask, after: int, limit: int) -> list[Touchpoint]:
    """Return touchpoints in the order of their numbers."""
    return _touchpoints(ask, _SCAN, after=after, limit=limit)


def hubs(ask: Ask, after: str, limit: int) -> list[Hub]:
    """Return hubs in the order of their keys."""
    [rows] = ask(_HUBS, after=after, limit=limit, forgotten=FORGOTTEN)
    return [Hub(Identifier.of(key), degree) for key, degree in rows]


def block(
    ask: Ask, after: str, size: int, policy: Policy, released: Collection[Identifier]
) -> Block | None:
    """Return the neighbourhoods of the next identifiers in the order of their keys; one comes with the block of its first."""
    [keys] = ask(_BLOCK, after=after, limit=size)
    if not keys:
        return None
    found = [
        each
        for each in reach(ask, keys, policy, released)
        if min(node.identifier.key for node in _inner(each)) > after
    ]
    return Block(found, keys[-1])


def _inner(neighbourhood: Neighbourhood) -> Sequence[Node]:
    """Return the nodes that belong to this neighbourhood alone; a hub touches many."""
    return [node for node in neighbourhood.nodes if not node.quarantined] or neighbourhood.nodes


def _touchpoints(ask: Ask, cypher: str, **parameters: Any) -> list[Touchpoint]:
    return touchpoints(ask(cypher, **parameters)[0])
