"""The collector's side of the inbox as an SQLite file."""

import contextlib
import fcntl
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from identity.clock import Instant
from identity.touchpoints.inbox.port import (
    ForeignInbox,
    InboxAway,
    InboxTaken,
    InboxWriter,
    NewRow,
)
from identity.touchpoints.inbox.sqlite.file import (
    SEQUENCE,
    connect,
    last,
    lock_file,
    locked,
    missing,
    readable,
    stored_uuid,
)
from identity.touchpoints.types import Mode

SLICE = 2_000  # rows deleted in one commit, few enough not to delay an append

_written: set[Path] = (
    set()
)  # by this process; a record lock does not tell two openings of one process apart


class SqliteWriter(InboxWriter):
    """The one writer. Used by one thread at a time."""

    def __init__(self, path: Path, clock: Callable[[], Instant]) -> None:
        self._path, self._clock = path.resolve(), clock
        if not path.exists():
            raise ForeignInbox(missing(path))
        self._lock = _take(self._path)
        self._stamp_lock = lock_file(path, "stamp")
        self._prune_lock = lock_file(path, "prune")
        self._database = connect(path)
        try:
            self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        """Read where the sequence, the ordinals and the times of receipt stand. Raises ForeignInbox or InboxAway."""
        with readable(self._path):
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA secure_delete=FAST")
            self._database.execute("PRAGMA journal_size_limit=67108864")
            self._read_ends()

    def _read_ends(self) -> None:
        ask = self._database.execute
        self._next = ask(SEQUENCE).fetchone()[0] + 1
        self._ordinals = {mode: last(self._database, mode, "ordinal") for mode in Mode}
        self._last_received = max(last(self._database, mode, "received_at") for mode in Mode)

    def uuid(self) -> uuid.UUID:
        with readable(self._path):
            return stored_uuid(self._database)

    def append(self, rows: Sequence[NewRow], now: Instant) -> int:
        first: int = self._next
        ordinals = dict(self._ordinals)
        try:
            with locked(self._stamp_lock, fcntl.LOCK_EX), _transaction(self._database):
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


def _take(path: Path) -> int:
    """Become the writer, by a record lock: the system drops it with the process and no forked child inherits it."""
    if path in _written:
        raise InboxTaken(f"{path} is written by this process already")
    handle = lock_file(path, "writer")
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
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
