"""What both sides of the inbox as an SQLite file know: how it is opened, its locks, and what went wrong in the port's words."""

import contextlib
import fcntl
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

from identity.touchpoints.inbox.port import (
    ForeignInbox,
    InboxAway,
)
from identity.touchpoints.types import Mode

SEQUENCE = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name IN ('live', 'history')"


def missing(path: Path) -> str:
    return f"there is no inbox at {path}: run `manage.py setup`, or restore it from its backup"


# What SQLite says when a file is no database, a torn one, or a database without our tables.
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the file into ForeignInbox (damaged) or InboxAway (come back later)."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:  # the rest is detail
            raise ForeignInbox(
                f"{path} cannot be read as an inbox ({error}): restore it from its backup"
            ) from error
        raise InboxAway(f"the inbox {path} cannot be read: {error}") from error


def connect(path: Path) -> sqlite3.Connection:
    with readable(path):
        return sqlite3.connect(
            f"file:{path}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=20,
            check_same_thread=False,
        )


def stored_uuid(database: sqlite3.Connection) -> uuid.UUID:
    found = database.execute("SELECT value FROM meta WHERE name = 'uuid'").fetchone()
    if found is None:
        raise ForeignInbox("the inbox has no uuid: restore it from its backup")
    return uuid.UUID(found[0])


def last(database: sqlite3.Connection, mode: Mode, column: str) -> int:
    found = database.execute(
        f"SELECT {column} FROM {mode} ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return found[0] if found else 0


# --- Locks ---


def lock_file(path: Path, purpose: str) -> int:
    name = path.with_name(f"{path.name}.{purpose}")
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@contextlib.contextmanager
def locked(handle: int, kind: int) -> Iterator[None]:
    fcntl.flock(handle, kind)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
