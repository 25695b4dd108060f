"""The raw store's limit: a loop that only writes the rows of touchpoints, identifiers, links and counters that a lane has written.

Runs inside an installation that was driven: python -m benchmarks.inside benchmarks.road.raw TOUCHPOINTS
It prints the seconds that writing took; what is written is read and made ready beforehand, batch by batch.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from django.conf import settings

from benchmarks.road.times import BATCH
from identity.graph import bodies
from identity.sql import fetch
from identity.touchpoints.types import Touchpoint

_TABLES = (
    "identity_graphtouchpoint",
    "identity_graphidentifier",
    "identity_graphlink",
    "identity_contactcount",
)
_CONTACTS = frozenset({"track", "page", "screen"})
_WRITES = (
    (
        "INSERT INTO identity_graphtouchpoint (number, uid, source, at, received_at, owner, aside, body, vouches)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)"
    ),
    "INSERT INTO identity_graphidentifier (id, key, kind, first_number, degree, quarantined) VALUES (?, ?, ?, ?, ?, ?)",
    (
        "INSERT INTO identity_graphlink (a, b, source, first_seen, last_seen, count, same, strength, conducts, first_number)"
        " VALUES (?, ?, ?, ?, ?, 1, 0, 1.0, 1, ?)"
        " ON CONFLICT (a, b, source) DO UPDATE SET count = count + 1, last_seen = excluded.last_seen"
    ),
    (
        "INSERT INTO identity_contactcount"
        " (owner_id, direction, channel, message_class, event, count, first_at, last_at) VALUES (?, ?, ?, ?, ?, 1, ?, ?)"
        " ON CONFLICT (owner_id, direction, channel, message_class, event)"
        " DO UPDATE SET count = count + 1, last_at = excluded.last_at"
    ),
)


def main(touchpoints: str) -> None:
    sys.stdout.write(f"{write(int(touchpoints)):.3f}")


def write(touchpoints: int) -> float:
    """Write to a new file of the same tables, indexes and pragmas; return the seconds."""
    path = settings.DATA_DIR / "raw.sqlite3"
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(settings.DATABASES["default"]["OPTIONS"]["init_command"])
    database.execute("PRAGMA foreign_keys=OFF")  # the rows that they lead to are not written
    for (statement,) in fetch(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name IN (%s, %s, %s, %s) ORDER BY type DESC",
        _TABLES,
    ):
        database.execute(statement)
    spent = 0.0
    for batch in _batches(touchpoints):
        begun = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        for statement, rows in zip(_WRITES, batch, strict=True):
            database.executemany(statement, rows)
        database.execute("COMMIT")
        spent += time.perf_counter() - begun
    database.close()
    return spent


def _batches(touchpoints: int) -> Iterator[tuple[Sequence[tuple[Any, ...]], ...]]:
    for number in range(0, touchpoints, BATCH):
        stored = fetch(
            "SELECT number, uid, source, at, received_at, owner, aside, body FROM identity_graphtouchpoint"
            " WHERE number > %s AND number <= %s ORDER BY number",
            [number, number + BATCH],
        )
        new = fetch(
            "SELECT id, key, kind, first_number, degree, quarantined FROM identity_graphidentifier"
            " WHERE first_number > %s AND first_number <= %s ORDER BY id",
            [number, number + BATCH],
        )
        yield stored, new, *_derived(stored)


def _derived(
    stored: Sequence[tuple[Any, ...]],
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the links and counters that these touchpoints bring, one row each time."""
    decoded = [
        bodies.decode(
            number=row[0], uid=row[1], source=row[2], at=row[3], received_at=row[4], body=row[7]
        )
        for row in stored
    ]
    ids = _ids(decoded)
    links = [
        (ids[a.key], ids[b.key], one.source, one.at, one.at, one.number)
        for one in decoded
        for a, b in combinations(sorted(one.identifiers), 2)
    ]
    counters = [
        (
            ids[one.owner.key],
            one.direction.value,
            one.channel,
            one.message_class,
            one.event,
            one.at,
            one.at,
        )
        for one in decoded
        if one.owner and one.type in _CONTACTS
    ]
    return links, counters


def _ids(decoded: Sequence[Touchpoint]) -> dict[str, int]:
    keys = sorted({each.key for one in decoded for each in one.identifiers})
    marks = ", ".join(["%s"] * len(keys))
    return dict(
        fetch(f"SELECT key, id FROM identity_graphidentifier WHERE key IN ({marks})", keys)
    )
