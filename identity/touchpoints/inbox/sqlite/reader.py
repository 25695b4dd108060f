"""The lane's side of the inbox as an SQLite file, and that of pages that show what waits."""

import contextlib
import fcntl
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from identity.clock import Instant
from identity.sql import execute
from identity.touchpoints.inbox.port import (
    Backlog,
    Claim,
    ForeignInbox,
    InboxAway,
    InboxReader,
)
from identity.touchpoints.inbox.positions import LANE, positions
from identity.touchpoints.inbox.sqlite.file import (
    SEQUENCE,
    connect,
    last,
    lock_file,
    missing,
    readable,
    stored_uuid,
)
from identity.touchpoints.types import InboxRow, Mode

_LOOK = 0.002  # seconds between looks at a lock that somebody holds
_PATIENCE = 500  # looks until a commit is taken to hang


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
            with readable(self._path):
                yield self._opened or self._open()
        except (InboxAway, ForeignInbox):
            self._close()
            raise

    def _open(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise ForeignInbox(missing(self._path))
        self._opened = connect(self._path)
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
            return stored_uuid(database)

    def claim(self, limits: Mapping[Mode, int], now: Instant) -> Claim:
        with self._database() as database:
            passed_at = self._pass(now)
            reached = positions()
            live = limits[Mode.LIVE]
            rows = _rows(database, Mode.LIVE, reached[Mode.LIVE], live)
            if rows:
                full = len(rows) >= live
                horizon = min(passed_at, rows[-1].received_at) if full else passed_at
                return Claim(rows=rows, mode=Mode.LIVE, horizon=horizon)
            rows = _rows(database, Mode.HISTORY, reached[Mode.HISTORY], limits[Mode.HISTORY])
            mode = Mode.HISTORY if rows else Mode.LIVE
            return Claim(rows=rows, mode=mode, horizon=passed_at)

    def _pass(self, now: Instant) -> Instant:
        """Return the instant up to which whatever was stamped is committed: `now`, unless a commit hangs.

        Who waited in vain once looks only briefly, until the commit has ended: the lane goes on with what it can see.
        """
        if self._stamp_lock < 0:  # whoever does not claim needs no lock, and would leave it open
            self._stamp_lock = lock_file(self._path, "stamp")
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
                [last, LANE, last],
            )

    def backlog(self) -> Backlog:
        reached = positions()
        with self._database() as database:
            live, oldest = _waiting(database, Mode.LIVE, reached[Mode.LIVE])
            history, _ = _waiting(database, Mode.HISTORY, reached[Mode.HISTORY])
        return Backlog(live=live, history=history, oldest=oldest)

    def oldest_wish(self) -> Instant | None:
        reached = positions()
        with self._database() as database:
            found = [_first_wish(database, mode, reached[mode]) for mode in Mode]
        return min((at for at in found if at is not None), default=None)

    def latest(self) -> Instant | None:
        with self._database() as database:
            return max(last(database, mode, "received_at") for mode in Mode) or None

    def check(self) -> None:
        reached = positions()
        with self._database() as database:
            sequence = database.execute(SEQUENCE).fetchone()[0]
            kept = dict(database.execute("SELECT name, value FROM meta"))
        if sequence < max(reached.values()):
            raise ForeignInbox(
                f"the inbox ends at number {sequence}, but number {max(reached.values())} was processed:"
                " it is an older or emptied copy; restore the one that belongs to this database"
            )
        for mode, position in reached.items():
            if int(kept.get(f"kept_from_{mode}", 0)) > position + 1:
                raise ForeignInbox(
                    f"the inbox keeps {mode} rows from number {kept[f'kept_from_{mode}']}, but only"
                    f" those up to {position} were processed: the database is an older copy; restore"
                    " both from one backup"
                )


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
    return last(database, mode, "ordinal") - first[0] + 1, first[1]


def _first_wish(database: sqlite3.Connection, mode: Mode, position: int) -> Instant | None:
    found = database.execute(
        f"SELECT received_at FROM {mode} WHERE wish AND number > ? ORDER BY number LIMIT 1",
        [position],
    ).fetchone()
    return found[0] if found else None
