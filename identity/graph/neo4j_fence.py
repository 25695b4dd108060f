"""Whose graph is in Neo4j, and which lane may write to it: the nodes (:Graph), (:Lane) and (:Scratch).

`known`: the uuid of the graph that the caller works with; None before it was asked for.
"""

import uuid as uuids
from uuid import UUID

from identity.graph.neo4j_asking import Ask
from identity.graph.port import GraphMissing, LaneSuperseded

_SCRATCH = "MATCH (s:Scratch) RETURN count(s)"
_LOOK = "OPTIONAL MATCH (g:Graph {id: 1}) RETURN g.uuid, EXISTS { MATCH (n) }"
_UUID = "MATCH (g:Graph {id: 1}) RETURN g.uuid"
_MARK = "MERGE (g:Graph {id: 1}) ON CREATE SET g.uuid = $uuid RETURN g.uuid"
_ELSEWHERE = (
    "name an empty Neo4j of this installation's own in FILROUGE_GRAPH_URL, or empty this one, when nobody needs what is in it"
    " (MATCH (n) DETACH DELETE n)"
)
_RAISE = """
MERGE (l:Lane {id: 1}) ON CREATE SET l.epoch = 0
SET l.locked = true
WITH l, l.epoch AS before
SET l.epoch = CASE WHEN before <= $epoch THEN $epoch ELSE before END
WITH before OPTIONAL MATCH (g:Graph {id: 1})
RETURN before, g.uuid
"""
_FENCE = """
MATCH (l:Lane {id: 1}) SET l.locked = true
WITH l OPTIONAL MATCH (g:Graph {id: 1})
RETURN l.epoch, g.uuid
"""


def require_own(ask: Ask, wanted: UUID | None) -> None:
    """Raise GraphMissing unless there is nothing at all here, or a graph of that uuid (None: of any)."""
    refuse_scratch(ask)
    found, full = ask(_LOOK)
    if found is None and full:
        raise GraphMissing(
            f"the database in Neo4j is not empty, and what it holds is no graph of ours: {_ELSEWHERE}"
        )
    if found is not None and wanted is not None and found != str(wanted):
        raise GraphMissing(f"Neo4j holds another installation's graph ({found}): {_ELSEWHERE}")


def refuse_scratch(ask: Ask) -> None:
    """Raise GraphMissing when this graph may be wiped at any time."""
    if ask(_SCRATCH) != [0]:
        raise GraphMissing(
            "the graph in Neo4j is marked as scratch, so it may be wiped at any time: name another, or delete (:Scratch)"
        )


def mark(ask: Ask, wanted: UUID | None) -> UUID:
    """Give the graph that uuid (None: any) unless it has one; return it. Raises GraphMissing as `require_own` does."""
    require_own(ask, wanted)
    made = UUID(ask(_MARK, uuid=str(wanted or uuids.uuid4()))[0])
    require_own(ask, wanted)  # somebody else's set-up may have been a moment earlier
    return made


def uuid(ask: Ask) -> UUID | None:
    """Return the graph's uuid; None when it was never made."""
    found = ask(_UUID)
    return UUID(found[0]) if found else None


def lift(ask: Ask, epoch: int, known: UUID | None) -> None:
    """Let only lanes of this epoch write from now on. Raises LaneSuperseded when a newer one is there, or another graph."""
    before, found = ask(_RAISE, epoch=epoch)
    if before > epoch:
        raise _superseded(epoch)
    _compare(found, known)


def compare(ask: Ask, epoch: int, known: UUID | None) -> None:
    """Lock (:Lane) for the rest of the transaction. Raises LaneSuperseded unless `epoch` is the present one, of the same graph."""
    found = ask(_FENCE)
    if found[:1] != [epoch]:
        raise _superseded(epoch)
    _compare(found[1], known)


def hold(ask: Ask) -> None:
    """Let nobody else write until the end of the transaction."""
    ask(_FENCE)


def _compare(found: str | None, known: UUID | None) -> None:
    if known and str(known) != found:
        raise LaneSuperseded(
            "another graph was put in the place of this one: this lane ends, and the next one looks whose it is"
        )


def _superseded(epoch: int) -> LaneSuperseded:
    return LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")
