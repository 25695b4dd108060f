"""Only one lane at a time: the lock that the others stand by for."""

import fcntl
import os
from abc import ABC, abstractmethod
from pathlib import Path

from identity import postgres

_KEY = (1_179_208_018, 4)  # "FILR"; 1 to 3 are the inbox's


class LaneLock(ABC):
    """Held for the life of the process; never given back and taken again."""

    @abstractmethod
    def acquire(self) -> bool:
        """Try to take the lock without waiting."""

    @abstractmethod
    def held(self) -> bool:
        """Tell whether it is still held; a lane whose lock is lost ends."""

    @abstractmethod
    def evict(self) -> bool:
        """Cut off a lane that holds the lock and hangs where nobody here can kill it; return whether one was."""


class FileLock(LaneLock):
    """An fcntl record lock: the system drops it when the process dies, and forked children do not inherit it.

    The lane's process must not open the file a second time: closing any descriptor of it would drop the lock.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held = False

    def acquire(self) -> bool:
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._held = True
        return True

    def held(self) -> bool:
        return self._held

    def evict(self) -> bool:
        """Leave it to the supervisor: the lane is a process of this machine."""
        return False


class AdvisoryLock(LaneLock):
    """An advisory lock of PostgreSQL on a connection of its own, never reopened: a lane whose connection is lost ends."""

    def __init__(self, name: str) -> None:
        """`name` is shown by pg_stat_activity: the host and process of this lane."""
        self._connection = postgres.connect(application_of(name))

    def acquire(self) -> bool:
        taken = self._connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _KEY)
        return bool(taken.fetchone()[0])

    def held(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except postgres.Error:
            return False
        return True

    def evict(self) -> bool:
        """End all connections of the lane that holds the lock: what it still sends is refused, and its transaction undone."""
        ended = self._connection.execute(
            "SELECT pg_terminate_backend(other.pid) FROM pg_locks AS held"
            " JOIN pg_stat_activity AS holder ON holder.pid = held.pid"
            " JOIN pg_stat_activity AS other"
            "   ON other.application_name = holder.application_name AND other.datname = holder.datname"
            " WHERE held.locktype = 'advisory' AND held.classid = %s AND held.objid = %s AND held.granted"
            " AND holder.datname = current_database() AND held.pid <> pg_backend_pid()",
            _KEY,
        )
        return bool(ended.fetchall())


def application_of(name: str) -> str:
    """Return how PostgreSQL calls the connections of a lane."""
    return f"filrouge lane {name}"[:63]
