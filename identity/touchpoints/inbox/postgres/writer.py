"""The collector's side of the inbox in PostgreSQL."""

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from identity import faults, postgres
from identity.clock import Instant
from identity.touchpoints.inbox.port import (
    ForeignInbox,
    InboxAway,
    InboxTaken,
    InboxWriter,
    NewRow,
)
from identity.touchpoints.inbox.postgres.tables import CLASS, MISSING, PRUNE, SLICE, STAMP, WRITER
from identity.touchpoints.types import Mode

_ENDS = "SELECT last_number, last_received, live_ordinal, history_ordinal FROM inbox_mark"
_INSERT = (
    "INSERT INTO inbox_{mode} (number, ordinal, source, received_at, payload, wish)"
    " SELECT number, ordinal, source, %s, payload, wish"
    " FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[], %b::boolean[]) AS r(number, ordinal, source, payload, wish)"
)
_KEEP_ENDS = "UPDATE inbox_mark SET last_number = %s, last_received = %s, live_ordinal = %s, history_ordinal = %s"


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where the sequence, the ordinals and the times of receipt stand."""

    number: int
    received: Instant
    ordinals: Mapping[Mode, int]


class PostgresWriter(InboxWriter):
    """The one writer. Used by one thread at a time. A connection that was lost is opened again by the next call."""

    def __init__(self, using: str, clock: Callable[[], Instant]) -> None:
        self._using, self._clock = using, clock
        self._opened: postgres.Connection | None = None
        self._ends = _Ends(0, 0, {})
        try:
            self._open()
        except postgres.Error as error:
            raise InboxAway(f"the inbox cannot be opened: {faults.said(error)}") from error

    @contextlib.contextmanager
    def _connection(self, purpose: str) -> Iterator[postgres.Connection]:
        """Yield the open connection. After an error it is closed, since nobody knows what it did: InboxAway."""
        try:
            yield self._opened or self._open_again()
        except postgres.Error as error:
            self._drop()
            raise InboxAway(f"the inbox cannot {purpose}: {faults.said(error)}") from error

    def _open_again(self) -> postgres.Connection:
        """Connect after a loss. The server may still hold the lock for the connection that was lost: InboxAway, for a moment."""
        try:
            return self._open()
        except (InboxTaken, ForeignInbox) as error:
            raise InboxAway(f"the inbox cannot be opened again: {error}") from error

    def _open(self) -> postgres.Connection:
        """Connect, become the writer, and read where the last one stopped. Raises InboxTaken or ForeignInbox."""
        opened = postgres.connect("filrouge collector", using=self._using)
        try:
            _become_writer(opened)
            self._ends = _read_ends(opened)
        except BaseException:
            opened.close()
            raise
        self._opened = opened
        return opened

    def uuid(self) -> uuid.UUID:
        with self._connection("be read") as connected:
            found: uuid.UUID = connected.execute("SELECT uuid FROM inbox_mark").fetchone()[0]
        return found

    def append(self, rows: Sequence[NewRow], now: Instant) -> int:
        with self._connection("store") as connected:
            ends = self._ends
            with connected.transaction():
                connected.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CLASS, STAMP])
                received = max(now, self._clock(), ends.received)
                ordinals = dict(ends.ordinals)
                tables = _numbered(rows, ends.number + 1, ordinals)
                with connected.pipeline():
                    for mode, columns in tables.items():
                        connected.execute(_INSERT.format(mode=mode), [received, *columns])
                    number = ends.number + len(rows)
                    connected.execute(_KEEP_ENDS, [number, received, *ordinals.values()])
            self._ends = _Ends(number, received, ordinals)
        return ends.number + 1

    def prune(self, *, keep_from_live: int, keep_from_history: int) -> int:
        """Delete what a lane left behind its position: it settles by deleting, so there is little."""
        keep = {Mode.LIVE: keep_from_live, Mode.HISTORY: keep_from_history}
        with self._connection("be pruned") as connected:
            taken = "SELECT pg_try_advisory_lock(%s, %s)"
            if not connected.execute(taken, [CLASS, PRUNE]).fetchone()[0]:
                return 0
            try:
                return sum(_prune(connected, mode, number) for mode, number in keep.items())
            finally:
                connected.execute("SELECT pg_advisory_unlock(%s, %s)", [CLASS, PRUNE])

    def close(self) -> None:
        """Give the lock back before the connection: the server notices the end of a connection later, and would refuse the next writer."""
        if self._opened is not None:
            with contextlib.suppress(postgres.Error):
                self._opened.execute("SELECT pg_advisory_unlock(%s, %s)", [CLASS, WRITER])
            self._drop()

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _become_writer(opened: postgres.Connection) -> None:
    found = opened.execute("SELECT to_regclass('inbox_mark')").fetchone()[0]
    if found is None:
        raise ForeignInbox(MISSING)
    if not opened.execute("SELECT pg_try_advisory_lock(%s, %s)", [CLASS, WRITER]).fetchone()[0]:
        raise InboxTaken(
            "another process writes the inbox: one collector per inbox; stop the other first"
        )


def _read_ends(opened: postgres.Connection) -> _Ends:
    number, received, live, history = opened.execute(_ENDS).fetchone()
    return _Ends(number, received, {Mode.LIVE: live, Mode.HISTORY: history})


def _numbered(
    rows: Sequence[NewRow], first: int, ordinals: dict[Mode, int]
) -> dict[Mode, tuple[list[int], list[int], list[int], list[bytes], list[bool]]]:
    """Return the columns of each mode's table; `ordinals` moves on."""
    tables: dict[Mode, tuple[list[int], list[int], list[int], list[bytes], list[bool]]] = {}
    for number, (source, mode, payload, wish) in enumerate(rows, first):
        ordinals[mode] += 1
        numbers, counted, sources, payloads, wishes = tables.setdefault(mode, ([], [], [], [], []))
        numbers.append(number)
        counted.append(ordinals[mode])
        sources.append(source)
        payloads.append(payload)
        wishes.append(wish)
    return tables


def _prune(connected: postgres.Connection, mode: Mode, keep_from: int) -> int:
    """Delete up to a slice, and note from where on every row is kept: `check` compares the position with it."""
    with connected.transaction():
        deleted = connected.execute(
            f"DELETE FROM inbox_{mode} WHERE number IN"
            f" (SELECT number FROM inbox_{mode} WHERE number < %s ORDER BY number LIMIT %s) RETURNING number",
            [keep_from, SLICE],
        ).fetchall()
        if deleted:
            last = max(number for (number,) in deleted)
            connected.execute(
                "UPDATE inbox_lease SET kept_from = greatest(kept_from, %s) WHERE mode = %s",
                [last + 1, mode.value],
            )
    return len(deleted)
