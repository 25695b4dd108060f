"""The inbox as tables of the PostgreSQL that keeps the Django database: one writer, rows that go with the transaction that processed them.

The writer has a connection of its own; the lane reads and settles over Django's. A row is stamped with its time of receipt *inside*
its commit, under an advisory lock that `claim` passes through after its caller has read the clock: whatever was stamped earlier is
then visible (docs/decisions/0002). A claim is a committed lease on a range of numbers; `settle` deletes by its token, and aborts the
transaction when a row is missing.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, ProgrammingError

from identity import postgres
from identity.clock import SECOND, Instant
from identity.graph.port import LaneSuperseded
from identity.sql import execute, fetch
from identity.touchpoints.inbox.port import (
    Backlog,
    Claim,
    ForeignInbox,
    Inbox,
    InboxAway,
    InboxReader,
    InboxTaken,
    InboxWriter,
    NewRow,
)
from identity.touchpoints.types import InboxRow, Mode

SLICE = 2_000  # rows deleted in one commit, few enough not to delay an append
LEASE = 60 * SECOND
_LOOK = 0.002  # seconds between looks at a lock that somebody holds
_PATIENCE = 500  # looks until a commit is taken to hang
_LANE = 1  # the one row of identity_lane, which keeps the positions

# Advisory locks: the class is ours, the object says for what.
_CLASS = 1_179_208_018  # "FILR"
_WRITER, _STAMP, _PRUNE = 1, 2, 3

SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox_mark (
    id smallint PRIMARY KEY, uuid uuid NOT NULL, last_number bigint NOT NULL, last_received bigint NOT NULL,
    live_ordinal bigint NOT NULL, history_ordinal bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox_live (
    number bigint PRIMARY KEY, ordinal bigint NOT NULL, source bigint NOT NULL, received_at bigint NOT NULL, payload bytea NOT NULL,
    wish boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS inbox_history (LIKE inbox_live INCLUDING ALL);
CREATE INDEX IF NOT EXISTS inbox_live_wishes ON inbox_live (number) WHERE wish;
CREATE INDEX IF NOT EXISTS inbox_history_wishes ON inbox_history (number) WHERE wish;
CREATE TABLE IF NOT EXISTS inbox_lease (
    mode text PRIMARY KEY, token uuid, until bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL, kept_from bigint NOT NULL
);
INSERT INTO inbox_lease VALUES ('live', NULL, 0, 0, 0, 0), ('history', NULL, 0, 0, 0, 0);
"""
_ENDS = "SELECT last_number, last_received, live_ordinal, history_ordinal FROM inbox_mark"
_INSERT = (
    "INSERT INTO inbox_{mode} (number, ordinal, source, received_at, payload, wish)"
    " SELECT number, ordinal, source, %s, payload, wish"
    " FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[], %b::boolean[]) AS r(number, ordinal, source, payload, wish)"
)
_KEEP_ENDS = "UPDATE inbox_mark SET last_number = %s, last_received = %s, live_ordinal = %s, history_ordinal = %s"


class PostgresInbox(Inbox):
    """An inbox in the database of the alias `using`."""

    def __init__(self, using: str = "default") -> None:
        self._using = using

    def make(self) -> uuid.UUID:
        if fetch("SELECT to_regclass('inbox_mark')") == [(None,)]:
            execute(
                SCHEMA
            )  # locks its tables until the end of the transaction, so not for nothing
        execute(
            "INSERT INTO inbox_mark VALUES (1, %s, 0, 0, 0, 0) ON CONFLICT (id) DO NOTHING",
            [uuid.uuid4()],
        )
        return self.reader().uuid()

    def writer(self, clock: Callable[[], Instant]) -> InboxWriter:
        return PostgresWriter(self._using, clock)

    def reader(self) -> InboxReader:
        return PostgresReader()

    @contextlib.contextmanager
    def rest(self) -> Iterator[None]:
        with _answers():
            execute("SELECT pg_advisory_lock_shared(%s, %s)", [_CLASS, _PRUNE])
        try:
            yield
        finally:
            execute("SELECT pg_advisory_unlock_shared(%s, %s)", [_CLASS, _PRUNE])


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
            raise InboxAway(f"the inbox cannot be opened: {error}") from error

    @contextlib.contextmanager
    def _connection(self, purpose: str) -> Iterator[postgres.Connection]:
        """Yield the open connection. After an error it is closed, since nobody knows what it did: InboxAway."""
        try:
            yield self._opened or self._open_again()
        except postgres.Error as error:
            self._drop()
            raise InboxAway(f"the inbox cannot {purpose}: {error}") from error

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
                connected.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CLASS, _STAMP])
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
            if not connected.execute(taken, [_CLASS, _PRUNE]).fetchone()[0]:
                return 0
            try:
                return sum(_prune(connected, mode, number) for mode, number in keep.items())
            finally:
                connected.execute("SELECT pg_advisory_unlock(%s, %s)", [_CLASS, _PRUNE])

    def close(self) -> None:
        """Give the lock back before the connection: the server notices the end of a connection later, and would refuse the next writer."""
        if self._opened is not None:
            with contextlib.suppress(postgres.Error):
                self._opened.execute("SELECT pg_advisory_unlock(%s, %s)", [_CLASS, _WRITER])
            self._drop()

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _become_writer(opened: postgres.Connection) -> None:
    found = opened.execute("SELECT to_regclass('inbox_mark')").fetchone()[0]
    if found is None:
        raise ForeignInbox(_MISSING)
    if not opened.execute("SELECT pg_try_advisory_lock(%s, %s)", [_CLASS, _WRITER]).fetchone()[0]:
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


class PostgresReader(InboxReader):
    """The lane's side, and that of pages that show what waits, over the connection that Django has in this thread."""

    def __init__(self) -> None:
        self._token = uuid.uuid4()
        self._passed_at: Instant = 0
        self._patience = _PATIENCE

    def uuid(self) -> uuid.UUID:
        with _answers():
            found = fetch("SELECT uuid FROM inbox_mark")
        if not found:
            raise ForeignInbox(_MISSING)
        return uuid.UUID(str(found[0][0]))

    def claim(self, limits: Mapping[Mode, int], now: Instant) -> Claim:
        with _answers():
            passed_at = self._pass(now)
            positions = _positions()
            for mode in Mode:  # live goes first
                if rows := _rows(mode, positions[mode], limits[mode]):
                    return self._leased(rows, mode, limits[mode], passed_at, now)
        return Claim(rows=[], mode=Mode.LIVE, horizon=passed_at)

    def _leased(
        self, rows: Sequence[InboxRow], mode: Mode, limit: int, passed_at: Instant, now: Instant
    ) -> Claim:
        """Commit a lease on the rows. Whoever claims is the lane: it takes over whatever lease an earlier one left."""
        execute(
            "UPDATE inbox_lease SET token = %s, until = %s, first = %s, last = %s WHERE mode = %s",
            [self._token, now + LEASE, rows[0].number, rows[-1].number, mode.value],
        )
        full = mode is Mode.LIVE and len(rows) >= limit
        horizon = min(passed_at, rows[-1].received_at) if full else passed_at
        return Claim(rows=rows, mode=mode, horizon=horizon, token=str(self._token))

    def _pass(self, now: Instant) -> Instant:
        """Return the instant up to which whatever was stamped is committed: `now`, unless a commit hangs.

        Who waited in vain once looks only briefly, until the commit has ended: the lane goes on with what it can see.
        """
        for _ in range(self._patience):
            ((taken,),) = fetch("SELECT pg_try_advisory_lock_shared(%s, %s)", [_CLASS, _STAMP])
            if taken:
                execute("SELECT pg_advisory_unlock_shared(%s, %s)", [_CLASS, _STAMP])
                self._passed_at, self._patience = now, _PATIENCE
                return now
            time.sleep(_LOOK)
        self._patience = 1
        if not self._passed_at:
            raise InboxAway("the collector hangs inside a commit: what it received is not known")
        return self._passed_at

    def settle(self, claim: Claim) -> None:
        """Delete the rows of the claim. Raises LaneSuperseded when the lease or a row is gone: another lane has taken over."""
        if not claim.rows:
            return
        first, last = claim.rows[0].number, claim.rows[-1].number
        deleted = execute(
            f"DELETE FROM inbox_{claim.mode} AS r USING inbox_lease AS lease WHERE lease.mode = %s AND lease.token = %s"
            " AND r.number BETWEEN %s AND %s AND r.number BETWEEN lease.first AND lease.last",
            [claim.mode.value, claim.token, first, last],
        )
        if deleted != len(claim.rows):
            raise LaneSuperseded(
                f"{len(claim.rows) - deleted} rows of a claim are gone: another lane has taken over"
            )
        execute(
            "UPDATE inbox_lease SET kept_from = %s WHERE mode = %s AND kept_from <= %s",
            [last + 1, claim.mode.value, last],
        )
        column = f"{claim.mode}_position"
        execute(
            f"UPDATE identity_lane SET {column} = %s WHERE id = %s AND {column} < %s",
            [last, _LANE, last],
        )

    def backlog(self) -> Backlog:
        with _answers():
            positions = _positions()
            live, oldest = _waiting(Mode.LIVE, positions[Mode.LIVE])
            history, _ = _waiting(Mode.HISTORY, positions[Mode.HISTORY])
        return Backlog(live=live, history=history, oldest=oldest)

    def oldest_wish(self) -> Instant | None:
        with _answers():
            positions = _positions()
            found = [_first_wish(mode, positions[mode]) for mode in Mode]
        return min((at for at in found if at is not None), default=None)

    def latest(self) -> Instant | None:
        with _answers():
            found = fetch("SELECT last_received FROM inbox_mark")
        return (found[0][0] or None) if found else None

    def check(self) -> None:
        with _answers():
            positions = _positions()
            found = fetch("SELECT last_number FROM inbox_mark")
            kept = dict(fetch("SELECT mode, kept_from FROM inbox_lease"))
        if not found:
            raise ForeignInbox(_MISSING)
        ((sequence,),) = found
        if sequence < max(positions.values()):
            raise ForeignInbox(
                f"the inbox ends at number {sequence}, but number {max(positions.values())} was processed:"
                " it is an older or emptied copy; restore the whole database from one backup"
            )
        for mode in Mode:
            if kept[mode] > positions[mode] + 1:
                raise ForeignInbox(
                    f"the inbox keeps {mode} rows from number {kept[mode]}, but only those up to {positions[mode]} were"
                    " processed: its tables and the others are of different backups (an older copy); restore all from one"
                )


_MISSING = (
    "there is no inbox in this database: run `manage.py setup`, or restore it from its backup"
)


@contextlib.contextmanager
def _answers() -> Iterator[None]:
    """Say in the port's words what went wrong."""
    try:
        yield
    except ProgrammingError as error:  # no such table
        raise ForeignInbox(_MISSING) from error
    except (OperationalError, InterfaceError) as error:
        raise InboxAway(f"the inbox cannot be read: {error}") from error


def _positions() -> dict[Mode, int]:
    rows = fetch(
        "SELECT live_position, history_position FROM identity_lane WHERE id = %s", [_LANE]
    )
    live, history = rows[0] if rows else (0, 0)
    return {Mode.LIVE: live, Mode.HISTORY: history}


def _rows(mode: Mode, position: int, limit: int) -> list[InboxRow]:
    found = fetch(
        f"SELECT number, source, received_at, payload FROM inbox_{mode} WHERE number > %s ORDER BY number LIMIT %s",
        [position, limit],
    )
    return [
        InboxRow(number, source, mode, at, bytes(payload)) for number, source, at, payload in found
    ]


def _waiting(mode: Mode, position: int) -> tuple[int, Instant | None]:
    """Return how many rows wait, and since when: ordinals count the rows of a table, so the first and the last tell."""
    found = fetch(
        f"SELECT ordinal, received_at FROM inbox_{mode} WHERE number > %s ORDER BY number LIMIT 1",
        [position],
    )
    if not found:
        return 0, None
    ((first, received_at),) = found
    ((last,),) = fetch(f"SELECT ordinal FROM inbox_{mode} ORDER BY number DESC LIMIT 1")
    return last - first + 1, received_at


def _first_wish(mode: Mode, position: int) -> Instant | None:
    found = fetch(
        f"SELECT received_at FROM inbox_{mode} WHERE wish AND number > %s ORDER BY number LIMIT 1",
        [position],
    )
    return found[0][0] if found else None
