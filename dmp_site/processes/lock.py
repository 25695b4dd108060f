"""Only one lane at a time: the lock that the others stand by for."""

import contextlib
import fcntl
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from identity import postgres
from identity.graph.port import StoreAway

_KEY = (1_179_208_018, 4)  # "FILR"; 1 to 3 are the inbox's
REST = (1_179_208_018, 5)
_LONGEST_NAME = 63  # bytes that PostgreSQL keeps of an application's name
_PREFIX = "filrouge lane "
_HELD = "locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2 AND granted"


class LaneLock(ABC):
    """Held for the life of the process; never given back and taken again. Raises StoreAway when what keeps it does not answer."""

    @abstractmethod
    def acquire(self) -> bool:
        """Try to take the lock without waiting."""

    @abstractmethod
    def held(self) -> bool:
        """Tell whether it is still held; a lane whose lock is lost ends."""

    @abstractmethod
    def holder(self) -> int | None:
        """Return a number that stands for the one that holds the lock; None when nobody does, or it cannot be seen."""

    @abstractmethod
    def evict(self, holder: int | None) -> bool:
        """Cut off this holder, who hangs where nobody here can kill it, unless another one has the lock; return whether it was."""

    @contextlib.contextmanager
    def working(self) -> Iterator[bool]:
        """Yield whether the holder may work on a step now; nobody can let it rest before the context ends."""
        yield True

    @abstractmethod
    def close(self) -> None:
        """Let go of it, as the end of the process would."""


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

    def holder(self) -> int | None:
        return None

    def evict(self, holder: int | None) -> bool:
        """Leave it to the supervisor: the lane is a process of this machine."""
        return False

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
        self._handle, self._held = -1, False


class AdvisoryLock(LaneLock):
    """An advisory lock of PostgreSQL on a connection of its own, never reopened: a lane whose connection is lost ends.

    The number of a holder is the process id of its connection in the server.
    """

    def __init__(self, name: str) -> None:
        """`name` is shown by pg_stat_activity: the host and process of this lane."""
        with _answers():
            self._connection = postgres.connect(application_of(name))

    def acquire(self) -> bool:
        with _answers():
            taken = self._connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _KEY)
            return bool(taken.fetchone()[0])

    def held(self) -> bool:
        try:
            self._connection.execute("SELECT 1")
        except postgres.Error:
            return False
        return True

    def holder(self) -> int | None:
        with _answers():
            found = self._connection.execute(
                "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                f" WHERE {_HELD} AND datname = current_database()",
                _KEY,
            ).fetchone()
        return int(found[0]) if found else None

    def evict(self, holder: int | None) -> bool:
        """End all connections of the lane that holds the lock: what it still sends is refused, and its transaction undone."""
        with _answers():
            ended = self._connection.execute(
                "SELECT pg_terminate_backend(other.pid) FROM pg_locks AS held"
                " JOIN pg_stat_activity AS holder ON holder.pid = held.pid"
                " JOIN pg_stat_activity AS other"
                "   ON other.application_name = holder.application_name AND other.datname = holder.datname"
                f" WHERE {_HELD} AND holder.datname = current_database()"
                " AND held.pid = %s AND other.pid <> pg_backend_pid()",
                [*_KEY, holder],
            )
            return bool(ended.fetchall())

    @contextlib.contextmanager
    def working(self) -> Iterator[bool]:
        """Share the lock that a backup takes alone (dmp_site.processes.rest)."""
        with _answers():
            taken = self._connection.execute("SELECT pg_try_advisory_lock_shared(%s, %s)", REST)
            may = bool(taken.fetchone()[0])
        try:
            yield may
        finally:
            if may:
                with contextlib.suppress(postgres.Error):  # a lost connection has let go of it
                    self._connection.execute("SELECT pg_advisory_unlock_shared(%s, %s)", REST)

    def close(self) -> None:
        """Give it back before the connection: the server notices the end of a connection a little later."""
        with contextlib.suppress(postgres.Error):
            self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()


@contextlib.contextmanager
def _answers() -> Iterator[None]:
    try:
        yield
    except postgres.Error as error:
        raise StoreAway(f"the database that keeps the lane's lock is away: {error}") from error


def application_of(name: str) -> str:
    """Return how PostgreSQL calls the connections of a lane. Of a long name the end is kept: it is the process."""
    return f"{_PREFIX}{name[-(_LONGEST_NAME - len(_PREFIX)) :]}"
