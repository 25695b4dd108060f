"""The graph store on Neo4j 5 over Bolt, through the official driver. What it holds and costs: docs/neo4j.md.

Every write runs in one transaction that first locks the node (:Lane) and compares its epoch and the graph's uuid, so a lane that was
replaced can write nothing, nor can one whose graph was, and a batch whose commit had an unknown outcome is safe to send again.
"""

import uuid as uuids
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from identity import stages
from identity.clock import Instant
from identity.graph import (
    neo4j_aside,
    neo4j_deciding,
    neo4j_erasing,
    neo4j_forgetting,
    neo4j_members,
    neo4j_recording,
    neo4j_schema,
)
from identity.graph.contents import Contents
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_contents import Neo4jContents
from identity.graph.neo4j_reading import reach
from identity.graph.neo4j_server import Server
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphMissing, GraphStore, LaneSuperseded
from identity.graph.recording import Standing
from identity.graph.types import (
    FORGOTTEN,
    Detached,
    Hub,
    Neighbourhood,
    Node,
    Recorded,
    Swept,
    detached,
)
from identity.touchpoints.types import Identifier, Touchpoint

_T = TypeVar("_T")
_LATEST = 2**63 - 1  # above every time and number
_COLUMNS = neo4j_aside.COLUMNS

_SCRATCH = "MATCH (s:Scratch) RETURN count(s)"
_MARK = "MERGE (g:Graph {id: 1}) ON CREATE SET g.uuid = $uuid RETURN g.uuid"
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
# An index over several properties is used only where each of them is asked for.
_TIMELINE = f"""
UNWIND $keys AS key
CALL (key) {{
  MATCH (t:Touchpoint)
  WHERE t.owner = key AND t.at <= $at AND t.id IS NOT NULL AND (t.at < $at OR t.id < $id)
  RETURN t ORDER BY t.at DESC, t.id DESC LIMIT $limit
}}
WITH t ORDER BY t.at DESC, t.id DESC LIMIT $limit
RETURN collect({_COLUMNS})
"""
_UNOWNED = f"""
MATCH (t:Unowned {{source: $source}}) WHERE t.number < $before
WITH t ORDER BY t.number DESC LIMIT $limit
RETURN collect({_COLUMNS})
"""
_SCAN = f"""
MATCH (t:Touchpoint) WHERE t.number > $after AND NOT t:Aside
WITH t ORDER BY t.number LIMIT $limit
RETURN collect({_COLUMNS})
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


class Neo4jStore(GraphStore):
    """Touchpoints and links in one database of a Neo4j server."""

    batch = 2_000  # what a transaction costs here is mostly its round trips and its commit
    shows_members = True
    most_patience = 6  # a minute for an answer

    def __init__(
        self,
        *,
        url: str,
        user: str = "",
        password: str = "",
        database: str = "neo4j",
        policy: Policy = DEFAULT,
    ) -> None:
        self._policy = policy
        self._schema_seen = False
        self._uuid: UUID | None = None  # of the graph that was asked for it
        self._server = Server(url=url, user=user, password=password, database=database)

    def make(self) -> UUID:
        self.prepare()
        if self.read(lambda ask: ask(_SCRATCH)) != [0]:
            raise GraphMissing(
                "the graph in Neo4j is marked as scratch, so it may be wiped at any time: name another, or delete (:Scratch)"
            )
        self._uuid = self.write(lambda ask: UUID(ask(_MARK, uuid=str(uuids.uuid4()))[0]))
        return self._uuid

    def prepare(self) -> None:
        """Make the constraints and indexes that are missing; wait until they are usable."""
        usable = self.read(lambda ask: ask(neo4j_schema.USABLE)[0])
        self._server.run(neo4j_schema.statements(usable))

    def uuid(self) -> UUID:
        self._require_schema()
        found = self.read(lambda ask: ask("MATCH (g:Graph {id: 1}) RETURN g.uuid"))
        if not found:
            raise GraphMissing(
                "the graph in Neo4j was never made, or was emptied: run `manage.py setup_graph`"
                " for a new installation, else restore the graph from its backup"
            )
        self._uuid = UUID(found[0])
        return self._uuid

    def raise_epoch(self, epoch: int) -> None:
        def work(ask: Ask) -> None:
            before, uuid = ask(_RAISE, epoch=epoch)
            if before > epoch:
                raise _superseded(epoch)
            self._compare_graph(uuid)

        self.write(work)

    def record(
        self, touchpoints: Sequence[Touchpoint], *, epoch: int, contested: Collection[Identifier]
    ) -> Recorded:
        def work(ask: Ask) -> Recorded:
            self._compare(ask, epoch)
            first_numbers, seeds = neo4j_recording.record(
                ask, touchpoints, contested, self._policy
            )
            recorded = Recorded(first_numbers, reach(ask, seeds, self._policy))
            stages.reach("1 record: written")
            return recorded

        return self.write(work)

    def neighbourhoods(self, identifiers: Collection[Identifier]) -> Sequence[Neighbourhood]:
        keys = {identifier.key for identifier in identifiers}
        return self.read(lambda ask: reach(ask, keys, self._policy))

    def set_aside(
        self, touchpoint_ids: Sequence[str], *, epoch: int, aside: bool
    ) -> Sequence[Neighbourhood]:
        def work(ask: Ask) -> list[Neighbourhood]:
            self._compare(ask, epoch)
            seeds, gone = neo4j_aside.set_aside(
                ask, touchpoint_ids, aside=aside, policy=self._policy
            )
            left = reach(ask, seeds, self._policy)
            return [*left, *(Neighbourhood((node,), ()) for node in gone)]

        return self.write(work)

    def decide(self, standing: Standing, *, epoch: int) -> Sequence[Neighbourhood]:
        def work(ask: Ask) -> list[Neighbourhood]:
            self._compare(ask, epoch)
            return reach(ask, neo4j_deciding.decide(ask, standing, self._policy), self._policy)

        return self.write(work)

    def forget_source(self, source: int, *, after: int, limit: int, epoch: int) -> Swept:
        def work(ask: Ask) -> Swept:
            self._compare(ask, epoch)
            done = neo4j_forgetting.forget_source(ask, source, after, limit, self._policy)
            return Swept(done.after, done.touchpoints, reach(ask, done.seeds, self._policy))

        return self.write(work)

    def forget(self, identifier: Identifier, *, after: str, limit: int, epoch: int) -> Detached:
        def work(ask: Ask) -> Detached:
            self._compare(ask, epoch)
            done = neo4j_forgetting.forget(ask, identifier, after, limit, self._policy)
            return detached(identifier, reach(ask, done.keys, self._policy), done.after)

        return self.write(work)

    def carrying(
        self, identifiers: Collection[Identifier], *, after: int = 0, limit: int
    ) -> Sequence[Touchpoint]:
        return self.read(lambda ask: neo4j_erasing.carrying(ask, identifiers, after, limit))

    def erase(
        self, touchpoint_ids: Sequence[str], identifiers: Collection[Identifier], *, epoch: int
    ) -> None:
        def work(ask: Ask) -> None:
            self._compare(ask, epoch)
            neo4j_erasing.erase(ask, touchpoint_ids, identifiers, self._policy)

        self.write(work)

    def drop(
        self,
        identifiers: Collection[Identifier],
        others: Collection[Identifier],
        *,
        epoch: int,
    ) -> Sequence[Identifier]:
        def work(ask: Ask) -> list[Identifier]:
            self._compare(ask, epoch)
            return neo4j_erasing.drop(ask, identifiers, others, self._policy)

        return self.write(work)

    def timeline(
        self,
        identifiers: Collection[Identifier],
        *,
        before: tuple[Instant, str] | None,
        limit: int,
    ) -> Sequence[Touchpoint]:
        at, uid = before or (_LATEST, "")
        return self._touchpoints(
            _TIMELINE,
            keys=sorted(each.key for each in identifiers),
            at=at,
            id=uid,
            limit=limit,
        )

    def unowned(self, source: int, *, before: int | None, limit: int) -> Sequence[Touchpoint]:
        highest = _LATEST if before is None else before
        return self._touchpoints(_UNOWNED, source=source, before=highest, limit=limit)

    def hubs(self, *, after: str, limit: int) -> Sequence[Hub]:
        [rows] = self.read(lambda ask: ask(_HUBS, after=after, limit=limit, forgotten=FORGOTTEN))
        return [Hub(Identifier.of(key), degree) for key, degree in rows]

    def scan(self, *, after: int, limit: int) -> Sequence[Touchpoint]:
        return self._touchpoints(_SCAN, after=after, limit=limit)

    def walk(self, *, size: int) -> Iterator[Sequence[Neighbourhood]]:
        """Go through the identifiers in the order of their keys; a neighbourhood is yielded with the block of its first."""
        last = ""
        while block := self._block(last, size):
            reached = self._reach(block)
            yield [
                each
                for each in reached
                if min(node.identifier.key for node in _inner(each)) > last
            ]
            last = block[-1]

    def contents(self) -> Contents:
        return Neo4jContents(self)

    def _block(self, last: str, size: int) -> list[str]:
        found: list[str] = self.read(lambda ask: ask(_BLOCK, after=last, limit=size)[0])
        return found

    def _reach(self, keys: Collection[str]) -> list[Neighbourhood]:
        return self.read(lambda ask: reach(ask, keys, self._policy))

    def _touchpoints(self, cypher: str, **parameters: Any) -> list[Touchpoint]:
        return self.read(lambda ask: neo4j_aside.touchpoints(ask(cypher, **parameters)[0]))

    def show_members(self, members: Mapping[Identifier, str], *, epoch: int) -> None:
        def work(ask: Ask) -> None:
            self._compare(ask, epoch)
            neo4j_members.show(ask, {each.key: uid for each, uid in members.items()})

        self.write(work)

    # --- Transactions ---

    def write(self, work: Callable[[Ask], _T]) -> _T:
        self._require_schema()
        return self._server.write(work, self.patience)

    def read(self, work: Callable[[Ask], _T]) -> _T:
        return self._server.read(work, self.patience)

    def _compare(self, ask: Ask, epoch: int) -> None:
        """Lock (:Lane) for the rest of the transaction. Raises LaneSuperseded unless `epoch` is the present one, of the same graph."""
        found = ask(_FENCE)
        if found[:1] != [epoch]:
            raise _superseded(epoch)
        self._compare_graph(found[1])

    def _compare_graph(self, uuid: str | None) -> None:
        if self._uuid and str(self._uuid) != uuid:
            raise LaneSuperseded(
                "another graph was put in the place of this one: this lane ends, and the next one looks whose it is"
            )

    def _require_schema(self) -> None:
        """Refuse to write without the constraints: every statement would scan, and nothing would be unique."""
        if self._schema_seen:
            return
        there = set(self.read(lambda ask: ask(neo4j_schema.SHOW))[0])
        if missing := sorted(set(neo4j_schema.CONSTRAINTS) - there):
            raise GraphMissing(
                f"Neo4j has no constraint {', '.join(missing)}: run `manage.py setup_graph`"
            )
        self._schema_seen = True


def _inner(neighbourhood: Neighbourhood) -> Sequence[Node]:
    """Return the nodes that belong to this neighbourhood alone; a hub touches many."""
    return [node for node in neighbourhood.nodes if not node.quarantined] or neighbourhood.nodes


def _superseded(epoch: int) -> LaneSuperseded:
    return LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")
