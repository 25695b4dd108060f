"""The lane's side of the inbox in PostgreSQL, over the connection that Django has."""

import time
import uuid
from collections.abc import Mapping, Sequence

from identity.clock import Instant
from identity.graph.port import LaneSuperseded
from identity.sql import execute, fetch
from identity.touchpoints.inbox.port import (
    Backlog,
    Claim,
    ForeignInbox,
    InboxAway,
    InboxReader,
)
from identity.touchpoints.inbox.positions import LANE, positions
from identity.touchpoints.inbox.postgres.tables import (
    CLASS,
    LEASE,
    LOOK,
    MISSING,
    PATIENCE,
    STAMP,
    answers,
)
from identity.touchpoints.types import InboxRow, Mode


class PostgresReader(InboxReader):
    """The lane's side, and that of pages that show what waits, over the connection that Django has in this thread."""

    def __init__(self) -> None:
        self._token = uuid.uuid4()
        self._passed_at: Instant = 0
        self._patience = PATIENCE

    def uuid(self) -> uuid.UUID:
        with answers():
            found = fetch("SELECT uuid FROM inbox_mark")
        if not found:
            raise ForeignInbox(MISSING)
        return uuid.UUID(str(found[0][0]))

    def claim(self, limits: Mapping[Mode, int], now: Instant) -> Claim:
        with answers():
            passed_at = self._pass(now)
            reached = positions()
            for mode in Mode:  # live goes first
                if rows := _rows(mode, reached[mode], limits[mode]):
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
            ((taken,),) = fetch("SELECT pg_try_advisory_lock_shared(%s, %s)", [CLASS, STAMP])
            if taken:
                execute("SELECT pg_advisory_unlock_shared(%s, %s)", [CLASS, STAMP])
                self._passed_at, self._patience = now, PATIENCE
                return now
            time.sleep(LOOK)
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
            [last, LANE, last],
        )

    def backlog(self) -> Backlog:
        with answers():
            reached = positions()
            live, oldest = _waiting(Mode.LIVE, reached[Mode.LIVE])
            history, _ = _waiting(Mode.HISTORY, reached[Mode.HISTORY])
        return Backlog(live=live, history=history, oldest=oldest)

    def oldest_wish(self) -> Instant | None:
        with answers():
            reached = positions()
            found = [_first_wish(mode, reached[mode]) for mode in Mode]
        return min((at for at in found if at is not None), default=None)

    def latest(self) -> Instant | None:
        with answers():
            found = fetch("SELECT last_received FROM inbox_mark")
        return (found[0][0] or None) if found else None

    def check(self) -> None:
        with answers():
            reached = positions()
            found = fetch("SELECT last_number FROM inbox_mark")
            kept = dict(fetch("SELECT mode, kept_from FROM inbox_lease"))
        if not found:
            raise ForeignInbox(MISSING)
        ((sequence,),) = found
        if sequence < max(reached.values()):
            raise ForeignInbox(
                f"the inbox ends at number {sequence}, but number {max(reached.values())} was processed:"
                " it is an older or emptied copy; restore the whole database from one backup"
            )
        for mode in Mode:
            if kept[mode] > reached[mode] + 1:
                raise ForeignInbox(
                    f"the inbox keeps {mode} rows from number {kept[mode]}, but only those up to {reached[mode]} were"
                    " processed: its tables and the others are of different backups (an older copy); restore all from one"
                )


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
