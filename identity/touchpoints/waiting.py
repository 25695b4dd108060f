"""Touchpoints of crowds that wait for a turn of their own: sealed, under their numbers, beside what was set aside.

See docs/decisions/0017-crowds.md.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from identity.clock import Instant
from identity.sql import Rows, execute, execute_many, fetch
from identity.touchpoints.types import InboxRow, Mode

STATE = "waiting"  # of a row of SetAside


class Waiting(NamedTuple):
    """A row, the id of the touchpoint in it, and for which crowd's turn it waits."""

    row: InboxRow
    touchpoint: str
    crowd: int


class Queue(NamedTuple):
    """How many wait, and when the first of them was received; None when none does."""

    touchpoints: int = 0
    oldest: Instant | None = None


# --- Written by the lane, in the caller's transaction ---------------------------------------------------------------------


def put(found: Iterable[Waiting], now: Instant) -> None:
    """Keep these rows until their turn. One statement."""
    execute_many(
        "INSERT INTO identity_setaside (number, touchpoint, source, mode, received_at, payload, crowd, changed_at,"
        f" state, tries, error) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '{STATE}', 0, '')"
        " ON CONFLICT (number) DO UPDATE SET state = excluded.state, touchpoint = excluded.touchpoint,"
        " crowd = excluded.crowd, changed_at = excluded.changed_at",
        [
            (
                row.number,
                touchpoint,
                row.source,
                row.mode.value,
                row.received_at,
                row.payload,
                crowd,
                now,
            )
            for row, touchpoint, crowd in found
        ],
    )


def take_off(numbers: Collection[int]) -> None:
    """Forget the rows that go through, with what settles them."""
    given = Rows("given", number="bigint")
    execute(
        f"DELETE FROM identity_setaside WHERE state = '{STATE}' AND number IN (SELECT number FROM {given})",
        given.of((each,) for each in numbers),
    )


def follow(joined: Mapping[int, int]) -> None:
    """Let what waits for a crowd that went into another wait for that one."""
    given = Rows("given", old="bigint", new="bigint")
    execute(
        f"UPDATE identity_setaside SET crowd = given.new FROM {given}"
        f" WHERE identity_setaside.crowd = given.old AND identity_setaside.state = '{STATE}'",
        given.of(joined.items()),
    )


# --- Read -----------------------------------------------------------------------------------------------------------------


def first(limit: int) -> list[InboxRow]:
    """Return the rows whose turn is next, of one mode, in the order of their numbers: live ones, else of history."""
    for mode in (Mode.LIVE, Mode.HISTORY):
        rows = fetch(
            "SELECT number, source, received_at, payload FROM identity_setaside"
            f" WHERE state = '{STATE}' AND mode = %s ORDER BY number LIMIT %s",
            [mode.value, limit],
        )
        if rows:
            return [
                InboxRow(number, source, mode, received_at, bytes(payload))
                for number, source, received_at, payload in rows
            ]
    return []


def suspect() -> int:
    """Return the highest number of those that were tried alone, 0 when none was."""
    [(number,)] = fetch(
        f"SELECT MAX(number) FROM identity_setaside WHERE state = '{STATE}' AND tries > 0"
    )
    return number or 0


def queue() -> Queue:
    """Return what waits, for whatever crowd."""
    [row] = fetch(
        f"SELECT COUNT(*), MIN(received_at) FROM identity_setaside WHERE state = '{STATE}'"
    )
    return Queue(*row)


def queues(crowds: Iterable[int]) -> dict[int, Queue]:
    """Return what waits for each of these crowds; those for which nothing does are left out."""
    given = Rows("given", crowd="bigint")
    rows = fetch(
        f"SELECT s.crowd, COUNT(*), MIN(s.received_at) FROM {given}"
        f" JOIN identity_setaside AS s ON s.crowd = given.crowd AND s.state = '{STATE}' GROUP BY s.crowd",
        given.of((each,) for each in crowds),
    )
    return {crowd: Queue(count, oldest) for crowd, count, oldest in rows}
