"""Taking an inbox from its SQLite file into tables of PostgreSQL: what waits, under its numbers. Nothing may write to either meanwhile."""

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from identity.postgres import Connection
from identity.touchpoints.inbox.postgres import SCHEMA
from identity.touchpoints.inbox.sqlite import SEQUENCE
from identity.touchpoints.types import Mode

BLOCK = 2_000


@dataclass(frozen=True, slots=True)
class _Ends:
    uuid: str
    number: int
    received: int
    ordinals: Mapping[Mode, int]


def copy(path: Path, target: Connection, positions: Mapping[Mode, int], *, highest: int) -> int:
    """Make the target's inbox within the caller's transaction: rows beyond the positions, the uuid, the sequence.

    `highest`: the highest number that is stored anywhere; new ones begin above it. Return how many rows wait.
    """
    with contextlib.closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
    ) as source:
        ends = _ends(source)
        target.execute(SCHEMA)
        target.execute(
            "INSERT INTO inbox_mark VALUES (1, %s, %s, %s, %s, %s)",
            [
                ends.uuid,
                max(ends.number, highest, *positions.values()),
                ends.received,
                *ends.ordinals.values(),
            ],
        )
        return sum(_copy_rows(source, target, mode, positions[mode]) for mode in Mode)


def _ends(source: sqlite3.Connection) -> _Ends:
    last = {
        mode: source.execute(
            f"SELECT ordinal, received_at FROM {mode} ORDER BY number DESC LIMIT 1"
        ).fetchone()
        or (0, 0)
        for mode in Mode
    }
    return _Ends(
        uuid=source.execute("SELECT value FROM meta WHERE name = 'uuid'").fetchone()[0],
        number=source.execute(SEQUENCE).fetchone()[0],
        received=max(received for _, received in last.values()),
        ordinals={mode: ordinal for mode, (ordinal, _) in last.items()},
    )


def _copy_rows(source: sqlite3.Connection, target: Connection, mode: Mode, position: int) -> int:
    count, after = 0, position
    while rows := _block(source, mode, after):
        with target.cursor() as cursor, cursor.copy(f"COPY inbox_{mode} FROM STDIN") as copying:
            for row in rows:
                copying.write_row((*row[:-1], bool(row[-1])))
        count, after = count + len(rows), rows[-1][0]
    target.execute(
        "UPDATE inbox_lease SET kept_from = %s WHERE mode = %s", [position + 1, mode.value]
    )
    return count


def _block(source: sqlite3.Connection, mode: Mode, after: int) -> list[tuple[Any, ...]]:
    return source.execute(
        f"SELECT number, ordinal, source, received_at, payload, wish FROM {mode} WHERE number > ? ORDER BY number LIMIT ?",
        [after, BLOCK],
    ).fetchall()
