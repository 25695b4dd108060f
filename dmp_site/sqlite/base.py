"""Django's SQLite back end with a fair queue of writers.

SQLite's own write lock is unfair: a waiting connection polls with growing pauses, and against back-to-back transactions of the
lane it can wait for more than 20 s. Here every writer takes a *ticket* before BEGIN IMMEDIATE and hands it on as soon as the
transaction has begun: who waits for the database holds the ticket, so whoever just committed cannot begin again before it.

The ticket is an fcntl record lock on a file beside the database (between processes; not inherited by forked children) and a
threading lock (between the threads of one process, which record locks do not tell apart).
"""

import fcntl
import os
import threading
from pathlib import Path

from django.db.backends.sqlite3 import base

_threads = threading.Lock()
_tickets: dict[tuple[int, Path], int] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, but a transaction waits for its turn before it begins."""

    def _start_transaction_under_autocommit(self) -> None:
        name = self.settings_dict["NAME"]
        if self.is_in_memory_db():
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
            return
        with _threads:
            handle = self._ticket_file(Path(name))
            fcntl.lockf(handle, fcntl.LOCK_EX)
            try:
                super()._start_transaction_under_autocommit()  # type: ignore[misc]
            finally:
                fcntl.lockf(handle, fcntl.LOCK_UN)

    @staticmethod
    def _ticket_file(database: Path) -> int:
        """Open the ticket file once per process: closing any descriptor of it would drop the lock of all of them."""
        key = (os.getpid(), database)
        if key not in _tickets:
            path = database.with_name(database.name + ".ticket")
            _tickets[key] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return _tickets[key]
