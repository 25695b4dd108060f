"""The graph store as tables of Django's own database."""

import uuid as uuids
from collections.abc import Collection, Iterator, Sequence
from uuid import UUID

from django.db import connection, transaction

from identity import stages
from identity.clock import Instant
from identity.graph import (
    sql_aside,
    sql_deciding,
    sql_erasing,
    sql_forgetting,
    sql_quarantine,
    sql_recording,
    sql_recounting,
    sql_walking,
)
from identity.graph.contents import Contents
from identity.graph.models import GraphMark
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphMissing, GraphStore, LaneSuperseded
from identity.graph.recording import Standing
from identity.graph.sql_answers import MARK, answers
from identity.graph.sql_contents import SqlContents
from identity.graph.sql_reading import reach
from identity.graph.types import (
    FORGOTTEN,
    Block,
    Detached,
    Doubts,
    Hub,
    Neighbourhood,
    Recorded,
    Swept,
    Turned,
)
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier, Touchpoint


class SqlStore(GraphStore):
    """Touchpoints and links in SQLite or PostgreSQL."""

    def __init__(self, *, policy: Policy = DEFAULT) -> None:
        self._policy = policy

    def make(self, uuid: UUID | None = None) -> UUID:
        with answers():
            mark, _ = GraphMark.objects.get_or_create(
                pk=MARK, defaults={"uuid": uuid or uuids.uuid4()}
            )
        return mark.uuid

    def uuid(self) -> UUID:
        with answers():
            mark = GraphMark.objects.filter(pk=MARK).first()
        if mark is None:
            raise GraphMissing(
                "the graph store was never made, or was emptied: `manage.py setup` makes a new installation's;"
                " else restore the one that belongs to this database, or restore all from one backup"
            )
        return mark.uuid

    def raise_epoch(self, epoch: int) -> None:
        self.make()
        with answers(), transaction.atomic():
            raised = execute(
                "UPDATE identity_graphmark SET epoch = %s WHERE id = %s AND epoch <= %s",
                [epoch, MARK, epoch],
            )
            if not raised:
                raise LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")

    def record(
        self, touchpoints: Sequence[Touchpoint], *, epoch: int, contested: Collection[Identifier]
    ) -> Recorded:
        with answers(), transaction.atomic():
            _compare(epoch)
            batch = sql_recording.record(touchpoints, contested, self._policy)
            reached = reach(batch.seeds, self._policy)
            stages.reach("1 record: written")
        return Recorded(batch.first_numbers, reached.neighbourhoods)

    def neighbourhoods(self, identifiers: Collection[Identifier]) -> Sequence[Neighbourhood]:
        given = Rows("given", key="text")
        with answers():
            rows = fetch(
                f"SELECT node.id FROM {given}"
                " JOIN identity_graphidentifier node ON node.key = given.key",
                given.of([(identifier.key,) for identifier in identifiers]),
            )
            return reach([row for (row,) in rows], self._policy).neighbourhoods

    def set_aside(
        self, touchpoint_ids: Sequence[str], *, epoch: int, aside: bool
    ) -> Sequence[Neighbourhood]:
        with answers(), transaction.atomic():
            _compare(epoch)
            seeds, gone = sql_aside.set_aside(touchpoint_ids, aside=aside, policy=self._policy)
            left = reach(seeds, self._policy).neighbourhoods
        return [*left, *(Neighbourhood((node,), ()) for node in gone)]

    def decide(self, standing: Standing, *, epoch: int) -> Sequence[Neighbourhood]:
        with answers(), transaction.atomic():
            _compare(epoch)
            return reach(sql_deciding.decide(standing, self._policy), self._policy).neighbourhoods

    def forget_source(self, source: int, *, after: int, limit: int, epoch: int) -> Swept:
        with answers(), transaction.atomic():
            _compare(epoch)
            return sql_forgetting.forget_source(source, after, limit, self._policy)

    def forget(self, identifier: Identifier, *, after: str, limit: int, epoch: int) -> Detached:
        with answers(), transaction.atomic():
            _compare(epoch)
            return sql_forgetting.forget(identifier, int(after or 0), limit, self._policy)

    def carrying(
        self, identifiers: Collection[Identifier], *, after: int = 0, limit: int
    ) -> Sequence[Touchpoint]:
        with answers():
            return sql_erasing.carrying(identifiers, after, limit)

    def erase(
        self, touchpoint_ids: Sequence[str], identifiers: Collection[Identifier], *, epoch: int
    ) -> None:
        with answers(), transaction.atomic():
            _compare(epoch)
            sql_erasing.erase(touchpoint_ids, identifiers, self._policy)

    def unnamed(self, identifiers: Collection[Identifier]) -> Sequence[Identifier]:
        with answers():
            return sql_erasing.unnamed(identifiers)

    def silence(self, identifiers: Collection[Identifier], *, epoch: int) -> Sequence[Identifier]:
        with answers(), transaction.atomic():
            _compare(epoch)
            return sql_erasing.silence(identifiers)

    def linked(
        self, identifiers: Collection[Identifier], *, limit: int
    ) -> Sequence[tuple[Identifier, Identifier]]:
        with answers():
            return sql_erasing.linked(identifiers, limit)

    def unlink(
        self,
        pairs: Collection[tuple[Identifier, Identifier]],
        around: Collection[Identifier],
        *,
        epoch: int,
    ) -> None:
        with answers(), transaction.atomic():
            _compare(epoch)
            sql_erasing.unlink(pairs, around, self._policy)

    def drop(
        self,
        identifiers: Collection[Identifier],
        others: Collection[Identifier],
        *,
        epoch: int,
    ) -> Sequence[Identifier]:
        with answers(), transaction.atomic():
            _compare(epoch)
            return sql_erasing.drop(identifiers, others)

    def timeline(
        self,
        identifiers: Collection[Identifier],
        *,
        before: tuple[Instant, str] | None,
        limit: int,
    ) -> Sequence[Touchpoint]:
        given = Rows("given", key="text")
        below = "" if before is None else "WHERE t.at <= %s AND (t.at < %s OR t.uid < %s)"
        with answers():
            rows = fetch(
                f"""
                SELECT t.number, t.uid, t.source, t.at, t.received_at, t.body
                FROM (
                    SELECT t.number FROM {given}
                    JOIN identity_graphidentifier node ON node.key = given.key
                    JOIN identity_graphtouchpoint t ON t.owner = node.id AND NOT t.aside
                    {below} ORDER BY t.at DESC, t.uid DESC LIMIT %s
                ) page JOIN identity_graphtouchpoint t ON t.number = page.number
                ORDER BY t.at DESC, t.uid DESC
                """,
                [
                    *given.of([(each.key,) for each in identifiers]),
                    *((before[0], *before) if before else ()),
                    limit,
                ],
            )
        return sql_aside.touchpoints(rows)

    def unowned(self, source: int, *, before: int | None, limit: int) -> Sequence[Touchpoint]:
        below = "" if before is None else " AND number < %s"
        with answers():
            rows = fetch(
                "SELECT number, uid, source, at, received_at, body FROM identity_graphtouchpoint"
                f" WHERE source = %s AND owner IS NULL AND NOT aside{below}"
                " ORDER BY number DESC LIMIT %s",
                [source, *([] if before is None else [before]), limit],
            )
        return sql_aside.touchpoints(rows)

    def hubs(self, *, after: str, limit: int) -> Sequence[Hub]:
        with answers():
            rows = fetch(
                "SELECT key, degree FROM identity_graphidentifier"
                " WHERE quarantined AND key > %s AND kind <> %s ORDER BY key LIMIT %s",
                [after, FORGOTTEN, limit],
            )
        return [Hub(Identifier.of(key), degree) for key, degree in rows]

    def around(self, hub: Identifier, *, limit: int) -> Neighbourhood:
        with answers():
            return sql_quarantine.around(hub, limit)

    def scan(self, *, after: int, limit: int) -> Sequence[Touchpoint]:
        with answers():
            rows = fetch(
                "SELECT number, uid, source, at, received_at, body FROM identity_graphtouchpoint"
                " WHERE number > %s AND NOT aside ORDER BY number LIMIT %s",
                [after, limit],
            )
        return sql_aside.touchpoints(rows)

    def walk(self, *, size: int) -> Iterator[Sequence[Neighbourhood]]:
        return sql_walking.walk(size, self._policy)

    def block(
        self, *, after: str, size: int, released: Collection[Identifier] = ()
    ) -> Block | None:
        return sql_walking.block(int(after or 0), size, self._policy, released)

    def turn(self, *, after: str, limit: int, epoch: int) -> Turned:
        with answers(), transaction.atomic():
            _compare(epoch)
            last = int(after or 0)
            around, looked, last = sql_quarantine.turn(last, limit, self._policy)
        return Turned(around, looked, str(last) if looked == limit else None)

    def miscounted(self, doubts: Doubts) -> Doubts:
        with answers(), transaction.atomic():
            _hold()
            wrong = sql_recounting.recount(doubts, self._policy).wrong
            transaction.set_rollback(True)
        return wrong

    def recount(self, doubts: Doubts, *, epoch: int) -> Sequence[Identifier]:
        with answers(), transaction.atomic():
            _compare(epoch)
            return sql_recounting.recount(doubts, self._policy).around

    def recarry(self, numbers: Collection[int], *, epoch: int) -> None:
        with answers(), transaction.atomic():
            _compare(epoch)
            sql_recounting.recarry(numbers, self._policy)

    def contents(self) -> Contents:
        return SqlContents()


def _compare(epoch: int) -> None:
    """Raise LaneSuperseded unless `epoch` is the present one; holds it for the rest of the transaction."""
    if _hold() != epoch:
        raise LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")


def _hold() -> int | None:
    """Let nobody else write until the end of the transaction; return the present epoch."""
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    rows = fetch(f"SELECT epoch FROM identity_graphmark WHERE id = %s{lock}", [MARK])
    return rows[0][0] if rows else None
