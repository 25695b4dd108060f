"""The inbox as an SQLite file of its own: one writer process, group commits that reach the disk, readers that never wait.

Each mode has a table; both share one sequence of numbers. `ordinal` counts the rows of its table, so that what waits is
known from the first and last row. A row is stamped with its time of receipt *inside* its commit, under a lock that `claim`
passes through after its caller has read the clock: whatever was stamped earlier is then visible (docs/decisions/0002).
"""

import contextlib
import fcntl
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from identity.clock import Instant
from identity.touchpoints.inbox.port import (
    Inbox,
    InboxReader,
    InboxWriter,
)
from identity.touchpoints.inbox.sqlite.file import (
    SEQUENCE,
    lock_file,
    locked,
)
from identity.touchpoints.inbox.sqlite.reader import SqliteReader
from identity.touchpoints.inbox.sqlite.writer import SqliteWriter

SCHEMA = """
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

__all__ = ["SCHEMA", "SEQUENCE", "SqliteInbox", "SqliteReader", "SqliteWriter"]


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
            database.executescript(SCHEMA)
            database.execute("INSERT INTO meta VALUES ('uuid', ?)", [str(uuid.uuid4())])
        draft.chmod(0o600)
        draft.rename(self._path)

    def writer(self, clock: Callable[[], Instant]) -> InboxWriter:
        return SqliteWriter(self._path, clock)

    def reader(self) -> InboxReader:
        return SqliteReader(self._path)

    @contextlib.contextmanager
    def rest(self) -> Iterator[None]:
        handle = lock_file(self._path, "prune")
        try:
            with locked(handle, fcntl.LOCK_SH):
                yield
        finally:
            os.close(handle)
