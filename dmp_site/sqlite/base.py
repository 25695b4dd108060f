"""Django's SQLite back end with a fair queue of writers.

SQLite's own write lock is unfair: a waiting connection polls with growing pauses, and against back-to-back transactions of the
lane it can wait for more than 20 s. Here every writer takes a *ticket* before BEGIN IMMEDIATE, and before a statement that writes
outside of a transaction, and hands it on as soon as that has begun: who waits for the database holds the ticket, so whoever just
committed cannot begin again before it.

The ticket is an fcntl record lock on a file beside the database (between processes; not inherited by forked children) and a
threading lock (between the threads of one process, which record locks do not tell apart).
"""

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

_threads = threading.Lock()
_tickets: dict[tuple[int, Path], int] = {}
_writes = re.compile(
    r"\s*(WITH\b.*\b)?(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE | re.DOTALL
).match


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, but whoever is going to write waits for its turn before it begins."""

    def _start_transaction_under_autocommit(self) -> None:
        with self._turn():
            super()._start_transaction_under_autocommit()  # type: ignore[misc]

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor that takes a ticket for what it writes outside of a transaction."""
        cursor = self.connection.cursor(factory=_Cursor)
        cursor.turn = self.turn
        return cursor

    def turn(self, sql: str) -> AbstractContextManager[None]:
        """Return the wait for this statement's turn; none for one that reads, or whose transaction has begun."""
        return nullcontext() if self.in_atomic_block or not _writes(sql) else self._turn()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self.is_in_memory_db():
            yield
            return
        with _threads:
            handle = self._ticket_file(Path(self.settings_dict["NAME"]))
            fcntl.lockf(handle, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(handle, fcntl.LOCK_UN)

    def awaited(self) -> bool:
        """Tell whether another writer waits for the transaction that is open here: whoever does holds the ticket."""
        if self.is_in_memory_db():
            return False
        if not _threads.acquire(blocking=False):
            return True  # a thread of this process
        try:
            handle = self._ticket_file(Path(self.settings_dict["NAME"]))
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(handle, fcntl.LOCK_UN)
        except (BlockingIOError, PermissionError):
            return True
        finally:
            _threads.release()
        return False

    @staticmethod
    def _ticket_file(database: Path) -> int:
        """Open the ticket file once per process: closing any descriptor of it would drop the lock of all of them."""
        key = (os.getpid(), database)
        if key not in _tickets:
            path = database.with_name(database.name + ".ticket")
            _tickets[key] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return _tickets[key]


class _Cursor(base.SQLiteCursorWrapper):
    turn: Any = None

    def execute(self, query: str, params: Any = None) -> Any:
        with self.turn(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with self.turn(query):
            return super().executemany(query, param_list)
