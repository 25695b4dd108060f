"""The graph store on Neo4j 5 over Bolt, through the official driver. What it holds and costs: docs/neo4j.md.

Every write runs in one transaction that first locks the node (:Lane) and compares its epoch and the graph's uuid, so a lane that was
replaced can write nothing, nor can one whose graph was, and a batch whose commit had an unknown outcome is safe to send again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from identity import stages
from identity.clock import Instant
from identity.graph import (
    neo4j_aside,
    neo4j_deciding,
    neo4j_erasing,
    neo4j_fence,
    neo4j_forgetting,
    neo4j_members,
    neo4j_pages,
    neo4j_quarantine,
    neo4j_recording,
    neo4j_recounting,
    neo4j_schema,
)
from identity.graph.contents import Contents
from identity.graph.neo4j_asking import Ask
from identity.graph.neo4j_contents import Neo4jContents
from identity.graph.neo4j_reading import reach
from identity.graph.neo4j_server import Server
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphMissing, GraphStore, SchemaMissing
from identity.graph.recording import Standing
from identity.graph.types import (
    Block,
    Detached,
    Doubts,
    Hub,
    Neighbourhood,
    Recorded,
    Swept,
    Turned,
)
from identity.touchpoints.types import Identifier, Touchpoint

_T = TypeVar("_T")


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

    def make(self, uuid: UUID | None = None) -> UUID:
        self.read(lambda ask: neo4j_fence.require_own(ask, uuid))
        self.prepare()
        self._uuid = self.write(lambda ask: neo4j_fence.mark(ask, uuid))
        return self._uuid

    def prepare(self) -> None:
        """Make the constraints and indexes that are missing; wait until they are usable."""
        usable = self.read(lambda ask: ask(neo4j_schema.USABLE)[0])
        self._server.run(neo4j_schema.statements(usable))

    def uuid(self) -> UUID:
        found = self.read(neo4j_fence.uuid)
        if found is None:
            raise GraphMissing(
                "the graph in Neo4j was never made, or was emptied: `manage.py setup` makes a new installation's;"
                " else restore the one that belongs to this database, or restore all from one backup"
            )
        self._require_schema()
        self._uuid = found
        return found

    def raise_epoch(self, epoch: int) -> None:
        self.write(lambda ask: neo4j_fence.lift(ask, epoch, self._uuid))

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
            return neo4j_forgetting.forget_source(ask, source, after, limit, self._policy)

        return self.write(work)

    def forget(self, identifier: Identifier, *, after: str, limit: int, epoch: int) -> Detached:
        def work(ask: Ask) -> Detached:
            self._compare(ask, epoch)
            return neo4j_forgetting.forget(ask, identifier, after, limit, self._policy)

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

    def unnamed(self, identifiers: Collection[Identifier]) -> Sequence[Identifier]:
        return self.read(lambda ask: neo4j_erasing.unnamed(ask, identifiers))

    def silence(self, identifiers: Collection[Identifier], *, epoch: int) -> Sequence[Identifier]:
        def work(ask: Ask) -> list[Identifier]:
            self._compare(ask, epoch)
            return neo4j_erasing.silence(ask, identifiers)

        return self.write(work)

    def linked(
        self, identifiers: Collection[Identifier], *, limit: int
    ) -> Sequence[tuple[Identifier, Identifier]]:
        return self.read(lambda ask: neo4j_erasing.linked(ask, identifiers, limit))

    def unlink(
        self,
        pairs: Collection[tuple[Identifier, Identifier]],
        around: Collection[Identifier],
        *,
        epoch: int,
    ) -> None:
        def work(ask: Ask) -> None:
            self._compare(ask, epoch)
            neo4j_erasing.unlink(ask, pairs, around, self._policy)

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
            return neo4j_erasing.drop(ask, identifiers, others)

        return self.write(work)

    def timeline(
        self,
        identifiers: Collection[Identifier],
        *,
        before: tuple[Instant, str] | None,
        limit: int,
    ) -> Sequence[Touchpoint]:
        keys = {each.key for each in identifiers}
        return self.read(lambda ask: neo4j_pages.timeline(ask, keys, before, limit))

    def unowned(self, source: int, *, before: int | None, limit: int) -> Sequence[Touchpoint]:
        return self.read(lambda ask: neo4j_pages.unowned(ask, source, before, limit))

    def hubs(self, *, after: str, limit: int) -> Sequence[Hub]:
        return self.read(lambda ask: neo4j_pages.hubs(ask, after, limit))

    def around(self, hub: Identifier, *, limit: int) -> Neighbourhood:
        return self.read(lambda ask: neo4j_quarantine.around(ask, hub, limit))

    def scan(self, *, after: int, limit: int) -> Sequence[Touchpoint]:
        return self.read(lambda ask: neo4j_pages.scan(ask, after, limit))

    def block(
        self, *, after: str, size: int, released: Collection[Identifier] = ()
    ) -> Block | None:
        return self.read(lambda ask: neo4j_pages.block(ask, after, size, self._policy, released))

    def turn(self, *, after: str, limit: int, epoch: int) -> Turned:
        def work(ask: Ask) -> Turned:
            self._compare(ask, epoch)
            around, looked, last = neo4j_quarantine.turn(ask, after, limit, self._policy)
            return Turned(around, looked, last if looked == limit else None)

        return self.write(work)

    def miscounted(self, doubts: Doubts) -> Doubts:
        def work(ask: Ask) -> None:
            neo4j_fence.hold(ask)
            raise neo4j_recounting.TakenBack(
                neo4j_recounting.recount(ask, doubts, self._policy).wrong
            )

        try:
            self.write(work)
        except neo4j_recounting.TakenBack as found:
            return found.wrong
        raise AssertionError("a recount that only looks is always taken back")

    def recount(self, doubts: Doubts, *, epoch: int) -> Sequence[Identifier]:
        def work(ask: Ask) -> Sequence[Identifier]:
            self._compare(ask, epoch)
            return neo4j_recounting.recount(ask, doubts, self._policy).around

        return self.write(work)

    def recarry(self, numbers: Collection[int], *, epoch: int) -> None:
        def work(ask: Ask) -> None:
            self._compare(ask, epoch)
            neo4j_recounting.recarry(ask, numbers, self._policy)

        self.write(work)

    def contents(self) -> Contents:
        return Neo4jContents(self)

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
        neo4j_fence.compare(ask, epoch, self._uuid)

    def _require_schema(self) -> None:
        """Refuse to write without the constraints: every statement would scan, and nothing would be unique."""
        if self._schema_seen:
            return
        there = set(self.read(lambda ask: ask(neo4j_schema.SHOW))[0])
        if missing := sorted(set(neo4j_schema.CONSTRAINTS) - there):
            raise SchemaMissing(
                f"Neo4j has no constraint {', '.join(missing)}: run `manage.py setup_graph`"
            )
        self._schema_seen = True
