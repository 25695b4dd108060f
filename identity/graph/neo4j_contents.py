"""Everything that the graph store on Neo4j holds, page by page. Pages follow the keys and numbers, which have indexes."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

from identity.graph import neo4j_fence
from identity.graph.contents import (
    Contents,
    Mark,
    Page,
    Part,
    Row,
    StoredIdentifier,
    StoredLink,
    StoredTouchpoint,
)
from identity.graph.evidence import carried
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_properties import (
    IDENTIFIER,
    KINDS,
    LINK,
    TOUCHPOINT,
    assigned,
    identifier_row,
    kind_of,
    link_row,
    listed,
    touchpoint_row,
)
from identity.graph.neo4j_recording import IDENTIFIERS, LINKS
from identity.graph.neo4j_schema import LABELS, RELATIONSHIPS
from identity.touchpoints.types import Identifier

_T = TypeVar("_T")
_SLICE = 10_000  # relationships, then nodes, deleted in one transaction

_IDENTIFIER_PAGE = f"""
MATCH (i:Identifier) WHERE i.key > $after
WITH i ORDER BY i.key LIMIT $size
RETURN collect([i.key, {listed("i", IDENTIFIER)}])
"""
_TOUCHPOINT_PAGE = f"""
MATCH (t:Touchpoint) WHERE t.number > $after
WITH t ORDER BY t.number LIMIT $size
RETURN collect([{listed("t", TOUCHPOINT)}, t:Aside, t.body])
"""
# The store finds a link by its own key only, so the types come one after the other.
_LINK_PAGE = f"""
MATCH ()-[r:TYPE]->() WHERE r.key > $after
WITH r ORDER BY r.key LIMIT $size
RETURN collect([r.key, startNode(r).key, endNode(r).key, {listed("r", LINK)}])
"""
_TOUCHPOINTS = """
UNWIND $rows AS row
MERGE (t:Touchpoint {id: row.properties.id})
SET t = row.properties
FOREACH (_ IN CASE WHEN row.aside THEN [1] ELSE [] END | SET t:Aside)
FOREACH (_ IN CASE WHEN row.unowned THEN [1] ELSE [] END | SET t:Unowned)
WITH t, row
UNWIND row.carries AS key
MATCH (i:Identifier {key: key})
MERGE (t)-[:CARRIES]->(i)
"""
_LINKS = f"{LINKS}SET {assigned('r', LINK)}"
_MARK = """
OPTIONAL MATCH (g:Graph {id: 1}) OPTIONAL MATCH (l:Lane {id: 1})
RETURN g.uuid, coalesce(l.epoch, 0)
"""
_ADOPT = "MERGE (g:Graph {id: 1}) SET g.uuid = $uuid MERGE (l:Lane {id: 1}) SET l.epoch = $epoch"
_UNMARK = "MATCH (g:Graph) DETACH DELETE g"
# Relationships first, in slices of their own: all that hang on one hub would be more than a transaction can take away in time.
_PART = f"""
MATCH ()-[r:{"|".join(RELATIONSHIPS)}]->() WHERE startNode(r):{"|".join(LABELS)}
WITH r LIMIT $size DELETE r RETURN count(r)
"""
_DELETE = f"MATCH (n:{'|'.join(LABELS)}) WITH n LIMIT $size DETACH DELETE n RETURN count(n)"
# Some nodes show what a graph is; the mark that it may be wiped is shown however many there are.
_HOLDS = """
OPTIONAL MATCH (s:Scratch) WITH collect(DISTINCT labels(s)) AS marks
OPTIONAL MATCH (n) WITH marks, n LIMIT 1000
WITH marks, collect(DISTINCT labels(n)) AS others
RETURN marks + others
"""


class Transactions(Protocol):
    """What the store lends: its schema, and transactions that say in the port's words what went wrong."""

    def prepare(self) -> None: ...

    def read(self, work: Callable[[Ask], _T]) -> _T: ...

    def write(self, work: Callable[[Ask], _T]) -> _T: ...


class Neo4jContents(Contents):
    """One database of a Neo4j server."""

    emptied_by = "MATCH (n) DETACH DELETE n"

    def __init__(self, store: Transactions) -> None:
        self._store = store

    def page(self, part: Part, *, after: str, size: int) -> Page:
        if part is Part.LINKS:
            return self._links(after, size)
        if part is Part.TOUCHPOINTS:
            found = self._ask(_TOUCHPOINT_PAGE, after=int(after or 0), size=size)
            touchpoints = [StoredTouchpoint._make(row) for row in found]
            return Page(touchpoints, str(touchpoints[-1].number) if touchpoints else after)
        found = self._ask(_IDENTIFIER_PAGE, after=after, size=size)
        identifiers = [StoredIdentifier._make(row) for row in found]
        return Page(identifiers, identifiers[-1].key if identifiers else after)

    def _links(self, after: str, size: int) -> Page:
        """Return a page of links; `after` is "LINKED key", "GROUPED key" or "DECIDED key"."""
        first, _, key = (after or KINDS[0]).partition(" ")
        for kind in KINDS[KINDS.index(first) :]:
            found = self._ask(_LINK_PAGE.replace("TYPE", kind), after=key, size=size)
            if found:
                rows = [StoredLink._make([*row[1:9], kind == "LINKED", row[9]]) for row in found]
                return Page(rows, f"{kind} {found[-1][0]}")
            key = ""
        return Page((), after)

    def _ask(self, cypher: str, **parameters: Any) -> list[Any]:
        found: list[Any] = self._store.read(lambda ask: ask(cypher, **parameters)[0])
        return found

    def prepare(self) -> None:
        self._store.read(neo4j_fence.refuse_scratch)
        self._store.prepare()

    def load(self, part: Part, rows: Sequence[Row]) -> None:
        def work(ask: Ask) -> None:
            if part is Part.IDENTIFIERS:
                ask(
                    IDENTIFIERS,
                    rows=[
                        identifier_row(Identifier.of(row.key), row[1:])
                        for row in rows
                        if isinstance(row, StoredIdentifier)
                    ],
                )
            elif part is Part.TOUCHPOINTS:
                ask(
                    _TOUCHPOINTS,
                    rows=[_touchpoint(row) for row in rows if isinstance(row, StoredTouchpoint)],
                )
            else:
                _load_links(ask, [row for row in rows if isinstance(row, StoredLink)])

        self._store.write(work)

    def mark(self) -> Mark | None:
        uuid, epoch = self._store.read(lambda ask: ask(_MARK))
        return None if uuid is None else Mark(UUID(uuid), epoch)

    def adopt(self, mark: Mark) -> None:
        self._store.write(lambda ask: ask(_ADOPT, uuid=str(mark.uuid), epoch=mark.epoch))

    def clear(self) -> None:
        self._store.write(lambda ask: ask(_UNMARK))
        for statement in (_PART, _DELETE):
            self._delete(statement)

    def _delete(self, slice_of: str) -> None:
        while self._store.write(lambda ask: ask(slice_of, size=_SLICE)) != [0]:
            pass

    def holds(self) -> Sequence[str]:
        """Return labels as Cypher writes them; () for nodes that have none."""
        found = self._ask(_HOLDS)
        return sorted({f"({':' if labels else ''}{':'.join(labels)})" for labels in found})


def _touchpoint(row: StoredTouchpoint) -> dict[str, Any]:
    """Return what a node is made of; one that is set aside is found neither by its owner nor by having none."""
    touchpoint = row.decoded()
    values = touchpoint_row(touchpoint, row.body)
    unowned = values["owner"] is None and not row.aside
    if row.aside:
        values["owner"], values["aside_owner"] = None, values["owner"]
    return {
        "properties": values,
        "aside": row.aside,
        "unowned": unowned,
        "carries": [each.key for each in carried(touchpoint)],
    }


def _load_links(ask: Ask, rows: Sequence[StoredLink]) -> None:
    for kind in KINDS:
        found = [
            link_row(Identifier.of(row.a), Identifier.of(row.b), (*row[2:8], row.first_number))
            for row in rows
            if kind_of(row.source, conducts=row.conducts) == kind
        ]
        if found:
            ask(_LINKS.replace("TYPE", kind), rows=found)
