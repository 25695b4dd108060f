"""The inbox as an SQLite file of its own: one writer process, group commits that reach the disk, readers that never wait.

Each mode has a table; both share one sequence of numbers. `ordinal` counts the rows of its table, so that what waits is
known from the first and last row. A row is stamped with its time of receipt *inside* its commit, under a lock that `claim`
passes through after its caller has read the clock: whatever was stamped earlier is then visible (docs/decisions/0002).
"""

import contextlib
import fcntl
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from identity.clock import Instant
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
_LOOK = 0.002  # seconds between looks at a lock that somebody holds
_PATIENCE = 500  # looks until a commit is taken to hang
_LANE = 1  # the one row of identity_lane, which keeps the positions
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE live (
    number INTEGER PRIMARY KEY AUTOINCREMENT, ordinal INTEGER NOT NULL, source INTEGER NOT NULL,
    received_at INTEGER NOT NULL, payload BLOB NOT NULL, wish INTEGER NOT NULL
);
CREATE TABLE history (
    number INTEGER PRIMARY KEY AUTOINCREMENT, ordinal INTEGER NOT NULL, source INTEGER NOT NULL,
    received_at INTEGER NOT NULL, payload BLOB NOT NULL, wish INTEGER NOT NULL
);
CREATE INDEX live_wishes ON live (number) WHERE wish;
CREATE INDEX history_wishes ON history (number) WHERE wish;
"""
SEQUENCE = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name IN ('live', 'history')"

_written: set[Path] = (
    set()
)  # by this process; a record lock does not tell two openings of one process apart


class SqliteInbox(Inbox):
    """An inbox in the file `path`, with lock files beside it."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def make(self) -> uuid.UUID:
        if not self._path.exists():
            self._create()
        return self.reader().uuid()

    def _create(self) -> None:
        """Make the file under another name first: a half-made inbox is never met."""
        draft = self._path.with_name(f"{self._path.name}.{uuid.uuid4().hex}")
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(_SCHEMA)
            database.execute("INSERT INTO meta VALUES ('uuid', ?)", [str(uuid.uuid4())])
        draft.chmod(0o600)
        draft.rename(self._path)

    def writer(self, clock: Callable[[], Instant]) -> InboxWriter:
        return SqliteWriter(self._path, clock)

    def reader(self) -> InboxReader:
        return SqliteReader(self._path)

    @contextlib.contextmanager
    def rest(self) -> Iterator[None]:
        handle = _lock_file(self._path, "prune")
        try:
            with _locked(handle, fcntl.LOCK_SH):
                yield
        finally:
            os.close(handle)


class SqliteWriter(InboxWriter):
    """The one writer. Used by one thread at a time."""

    def __init__(self, path: Path, clock: Callable[[], Instant]) -> None:
        self._path, self._clock = path.resolve(), clock
        if not path.exists():
            raise ForeignInbox(_missing(path))
        self._lock = _take(self._path)
        self._stamp_lock = _lock_file(path, "stamp")
        self._prune_lock = _lock_file(path, "prune")
        self._database = _connect(path)
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        """Read where the sequence, the ordinals and the times of receipt stand. Raises ForeignInbox or InboxAway."""
        with _readable(self._path):
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA secure_delete=FAST")
            self._database.execute("PRAGMA journal_size_limit=67108864")
            self._read_ends()

    def _read_ends(self) -> None:
        ask = self._database.execute
        self._next = ask(SEQUENCE).fetchone()[0] + 1
        self._ordinals = {mode: _last(self._database, mode, "ordinal") for mode in Mode}
        self._last_received = max(_last(self._database, mode, "received_at") for mode in Mode)

    def uuid(self) -> uuid.UUID:
        with _readable(self._path):
            return _uuid(self._database)

    def append(self, rows: Sequence[NewRow], now: Instant) -> int:
        first: int = self._next
        ordinals = dict(self._ordinals)
        try:
            with _locked(self._stamp_lock, fcntl.LOCK_EX), _transaction(self._database):
                received = max(now, self._clock(), self._last_received)
                for mode, values in self._numbered(rows, received, ordinals).items():
                    self._database.executemany(
                        f"INSERT INTO {mode} VALUES (?, ?, ?, ?, ?, ?)", values
                    )
        except (sqlite3.Error, OSError) as error:
            raise InboxAway(f"the inbox cannot store: {error}") from error
        self._next += len(rows)
        self._ordinals, self._last_received = ordinals, received
        return first

    def _numbered(
        self, rows: Sequence[NewRow], received: Instant, ordinals: dict[Mode, int]
    ) -> dict[Mode, list[tuple[int, int, int, Instant, bytes, bool]]]:
        tables: dict[Mode, list[tuple[int, int, int, Instant, bytes, bool]]] = {}
        for number, (source, mode, payload, wish) in enumerate(rows, self._next):
            ordinals[mode] += 1
            values = (number, ordinals[mode], source, received, payload, wish)
            tables.setdefault(mode, []).append(values)
        return tables

    def prune(self, *, keep_from_live: int, keep_from_history: int) -> int:
        try:
            fcntl.flock(self._prune_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        try:
            return self._prune(Mode.LIVE, keep_from_live) + self._prune(
                Mode.HISTORY, keep_from_history
            )
        except sqlite3.Error as error:
            raise InboxAway(f"the inbox cannot be pruned: {error}") from error
        finally:
            fcntl.flock(self._prune_lock, fcntl.LOCK_UN)

    def _prune(self, mode: Mode, keep_from: int) -> int:
        """Delete up to a slice, and note from where on every row is kept: `check` compares the position with it."""
        found = self._database.execute(
            f"SELECT MAX(number) FROM (SELECT number FROM {mode} WHERE number < ? ORDER BY number LIMIT ?)",
            [keep_from, SLICE],
        ).fetchone()[0]
        if found is None:
            return 0
        with _transaction(self._database):
            self._database.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [f"kept_from_{mode}", str(found + 1)],
            )
            deleted = self._database.execute(f"DELETE FROM {mode} WHERE number <= ?", [found])
        return int(deleted.rowcount)

    def close(self) -> None:
        self._database.close()
        for handle in (self._stamp_lock, self._prune_lock, self._lock):
            os.close(handle)
        _written.discard(self._path)


class SqliteReader(InboxReader):
    """The lane's side, and that of pages that show what waits. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None
        self._stamp_lock = -1
        self._passed_at: Instant = 0
        self._patience = _PATIENCE

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Yield the open file; after an error it is opened afresh next time."""
        try:
            with _readable(self._path):
                yield self._opened or self._open()
        except (InboxAway, ForeignInbox):
            self._close()
            raise

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise ForeignInbox(_missing(self._path))
        self._opened = _connect(self._path)
        self._stamp_lock = _lock_file(self._path, "stamp")
        self._opened.execute("PRAGMA query_only=ON")
        return self._opened

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        if self._stamp_lock >= 0:
            os.close(self._stamp_lock)
            self._stamp_lock = -1

    def uuid(self) -> uuid.UUID:
        with self._database() as database:
            return _uuid(database)

    def claim(self, limits: Mapping[Mode, int], now: Instant) -> Claim:
        with self._database() as database:
            passed_at = self._pass(now)
            positions = _positions()
            live = limits[Mode.LIVE]
            rows = _rows(database, Mode.LIVE, positions[Mode.LIVE], live)
            if rows:
                full = len(rows) >= live
                horizon = min(passed_at, rows[-1].received_at) if full else passed_at
                return Claim(rows=rows, mode=Mode.LIVE, horizon=horizon)
            rows = _rows(database, Mode.HISTORY, positions[Mode.HISTORY], limits[Mode.HISTORY])
            mode = Mode.HISTORY if rows else Mode.LIVE
            return Claim(rows=rows, mode=mode, horizon=passed_at)

    def _pass(self, now: Instant) -> Instant:
        """Return the instant up to which whatever was stamped is committed: `now`, unless a commit hangs.

        Who waited in vain once looks only briefly, until the commit has ended: the lane goes on with what it can see.
        """
        for _ in range(self._patience):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._stamp_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                fcntl.flock(self._stamp_lock, fcntl.LOCK_UN)
                self._passed_at, self._patience = now, _PATIENCE
                return now
            time.sleep(_LOOK)
        self._patience = 1
        if not self._passed_at:
            raise InboxAway("the collector hangs inside a commit: what it received is not known")
        return self._passed_at

    def settle(self, claim: Claim) -> None:
        if claim.rows:
            last = claim.rows[-1].number
            column = f"{claim.mode}_position"
            execute(
                f"UPDATE identity_lane SET {column} = %s WHERE id = %s AND {column} < %s",
                [last, _LANE, last],
            )

    def backlog(self) -> Backlog:
        positions = _positions()
        with self._database() as database:
            live, oldest = _waiting(database, Mode.LIVE, positions[Mode.LIVE])
            history, _ = _waiting(database, Mode.HISTORY, positions[Mode.HISTORY])
        return Backlog(live=live, history=history, oldest=oldest)

    def oldest_wish(self) -> Instant | None:
        positions = _positions()
        with self._database() as database:
            found = [_first_wish(database, mode, positions[mode]) for mode in Mode]
        return min((at for at in found if at is not None), default=None)

    def latest(self) -> Instant | None:
        with self._database() as database:
            return max(_last(database, mode, "received_at") for mode in Mode) or None

    def check(self) -> None:
        positions = _positions()
        with self._database() as database:
            sequence = database.execute(SEQUENCE).fetchone()[0]
            kept = dict(database.execute("SELECT name, value FROM meta"))
        if sequence < max(positions.values()):
            raise ForeignInbox(
                f"the inbox ends at number {sequence}, but number {max(positions.values())} was processed:"
                " it is an older or emptied copy; restore the one that belongs to this database"
            )
        for mode, position in positions.items():
            if int(kept.get(f"kept_from_{mode}", 0)) > position + 1:
                raise ForeignInbox(
                    f"the inbox keeps {mode} rows from number {kept[f'kept_from_{mode}']}, but only"
                    f" those up to {position} were processed: the database is an older copy; restore"
                    " both from one backup"
                )


def _missing(path: Path) -> str:
    return f"there is no inbox at {path}: run `manage.py setup`, or restore it from its backup"


# What SQLite says when a file is no database, a torn one, or a database without our tables.
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the file into ForeignInbox (damaged) or InboxAway (come back later)."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:  # the rest is detail
            raise ForeignInbox(
                f"{path} cannot be read as an inbox ({error}): restore it from its backup"
            ) from error
        raise InboxAway(f"the inbox {path} cannot be read: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    with _readable(path):
        return sqlite3.connect(
            f"file:{path}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=20,
            check_same_thread=False,
        )


def _uuid(database: sqlite3.Connection) -> uuid.UUID:
    found = database.execute("SELECT value FROM meta WHERE name = 'uuid'").fetchone()
    if found is None:
        raise ForeignInbox("the inbox has no uuid: restore it from its backup")
    return uuid.UUID(found[0])


def _last(database: sqlite3.Connection, mode: Mode, column: str) -> int:
    found = database.execute(
        f"SELECT {column} FROM {mode} ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return found[0] if found else 0


def _positions() -> dict[Mode, int]:
    rows = fetch(
        "SELECT live_position, history_position FROM identity_lane WHERE id = %s", [_LANE]
    )
    live, history = rows[0] if rows else (0, 0)
    return {Mode.LIVE: live, Mode.HISTORY: history}


def _rows(database: sqlite3.Connection, mode: Mode, position: int, limit: int) -> list[InboxRow]:
    found = database.execute(
        f"SELECT number, source, received_at, payload FROM {mode} WHERE number > ? ORDER BY number LIMIT ?",
        [position, limit],
    )
    return [InboxRow(number, source, mode, at, payload) for number, source, at, payload in found]


def _waiting(
    database: sqlite3.Connection, mode: Mode, position: int
) -> tuple[int, Instant | None]:
    first = database.execute(
        f"SELECT ordinal, received_at FROM {mode} WHERE number > ? ORDER BY number LIMIT 1",
        [position],
    ).fetchone()
    if first is None:
        return 0, None
    return _last(database, mode, "ordinal") - first[0] + 1, first[1]


def _first_wish(database: sqlite3.Connection, mode: Mode, position: int) -> Instant | None:
    found = database.execute(
        f"SELECT received_at FROM {mode} WHERE wish AND number > ? ORDER BY number LIMIT 1",
        [position],
    ).fetchone()
    return found[0] if found else None


# --- Locks ---


def _lock_file(path: Path, purpose: str) -> int:
    name = path.with_name(f"{path.name}.{purpose}")
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(path: Path) -> int:
    """Become the writer, by a record lock: the system drops it with the process and no forked child inherits it."""
    if path in _written:
        raise InboxTaken(f"{path} is written by this process already")
    handle = _lock_file(path, "writer")
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise InboxTaken(
            f"another process writes {path}: one collector per inbox; stop the other first"
        ) from error
    _written.add(path)
    return handle


@contextlib.contextmanager
def _locked(handle: int, kind: int) -> Iterator[None]:
    fcntl.flock(handle, kind)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
