"""Where the lane stands: its epoch, its heartbeat, the record of its batches.

Fencing: a new lane raises the epoch in the Django database and in the graph store before its first batch, and every
transaction of a lane first compares it. A lane that was stopped and woke up after a take-over can therefore write nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from identity.clock import Instant
from identity.graph.port import LaneSuperseded
from identity.sql import Rows, execute, fetch
from identity.touchpoints.models import Batch, Lane
from identity.touchpoints.types import BatchContext, Touchpoint

ROW = 1
CROWD = "crowd"  # the kind of a batch that is a crowd's turn
_FAR = 1_000_000  # a lane that dies and comes back every second needs 11 days for so many epochs
RESTS = "rests for a backup"  # what it says of its own will; everything else is a trouble


def take_over(holder: str, now: Instant) -> int:
    """Raise the epoch for a new lane; return it."""
    with transaction.atomic():
        Lane.objects.get_or_create(pk=ROW)
        rows = fetch(
            "UPDATE identity_lane SET epoch = epoch + 1, holder = %s, heartbeat_at = %s, patience = 1"
            " WHERE id = %s RETURNING epoch",
            [holder, now, ROW],
        )
    return int(rows[0][0])


def leave_behind() -> int:
    """Put the epoch out of reach of every lane there was; return it. For a restored database, which does not know who took over since."""
    with transaction.atomic():
        Lane.objects.get_or_create(pk=ROW)
        rows = fetch(
            "UPDATE identity_lane SET epoch = epoch + %s WHERE id = %s RETURNING epoch",
            [_FAR, ROW],
        )
    return int(rows[0][0])


def compare_epoch(epoch: int) -> None:
    """Raise LaneSuperseded unless `epoch` is the present one; holds it for the rest of the transaction."""
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    rows = fetch(f"SELECT epoch FROM identity_lane WHERE id = %s{lock}", [ROW])
    if not rows or rows[0][0] != epoch:
        raise LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")


@contextmanager
def fenced(epoch: int) -> Iterator[None]:
    """Open a transaction of the lane: nothing of it is kept unless `epoch` is the present one. Raises LaneSuperseded."""
    with transaction.atomic():
        compare_epoch(epoch)
        yield


def beat(epoch: int, now: Instant) -> None:
    """Say that the lane lives. Raises LaneSuperseded."""
    changed = execute(
        "UPDATE identity_lane SET heartbeat_at = %s WHERE id = %s AND epoch = %s",
        [now, ROW, epoch],
    )
    if not changed:
        raise LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")


def say(trouble: str, now: Instant, *, epoch: int, patience: int = 1) -> None:
    """Store what holds the lane up, and since when; "" when nothing does any more. Raises LaneSuperseded.

    `patience`: how many times as long as usual it may be silent from now on.
    """
    with fenced(epoch):
        execute(
            "UPDATE identity_lane SET trouble = %s, patience = %s,"
            " trouble_since = CASE WHEN %s = '' THEN NULL ELSE COALESCE(trouble_since, %s) END"
            " WHERE id = %s",
            [trouble[:500], patience, trouble, now, ROW],
        )


def remember(
    kind: str,
    context: BatchContext,
    versions: Mapping[str, Any],
    numbers: Collection[int] = (),
) -> None:
    """Store what this transaction does, with the time, the horizon and the versions that it uses."""
    Batch.objects.create(
        kind=kind,
        epoch=context.epoch,
        now=context.now,
        horizon=context.horizon,
        mode=context.mode,
        first_number=min(numbers, default=None),
        last_number=max(numbers, default=None),
        touchpoints=len(numbers),
        versions=dict(versions),
    )


def moments(touchpoints: Iterable[Touchpoint]) -> dict[int, tuple[Instant, Instant]]:
    """Return number -> when its batch was done, and the moment as of which that saw people. What was tidied away is missing.

    Of what waited for a crowd's turn it is the batch that put it off.
    """
    rows = Rows("given", number="bigint", mode="text")
    found = fetch(
        f"SELECT given.number, b.now, b.horizon FROM {rows} JOIN identity_batch AS b ON b.id ="
        " (SELECT x.id FROM identity_batch AS x WHERE x.mode = given.mode AND x.first_number <= given.number AND x.kind <> %s"
        " ORDER BY x.first_number DESC, x.id DESC LIMIT 1) WHERE b.last_number >= given.number",
        [*rows.of((one.number, one.mode.value) for one in touchpoints), CROWD],
    )
    return {number: (now, horizon or now) for number, now, horizon in found}


def heartbeat() -> tuple[int, Instant | None]:
    """Return the present epoch and the last heartbeat."""
    rows = fetch("SELECT epoch, heartbeat_at FROM identity_lane WHERE id = %s", [ROW])
    return (rows[0][0], rows[0][1]) if rows else (0, None)


def patience() -> int:
    """Return how many times as long as usual the lane may be silent."""
    rows = fetch("SELECT patience FROM identity_lane WHERE id = %s", [ROW])
    return int(rows[0][0]) if rows else 1


def name_of(host: str, pid: int) -> str:
    """Return how a lane's process is called."""
    return f"{host} process {pid}"


def holder() -> str:
    """Return the name of the process that took over last, "" before there was one."""
    rows = fetch("SELECT holder FROM identity_lane WHERE id = %s", [ROW])
    return str(rows[0][0]) if rows else ""


def trouble() -> tuple[str, Instant | None]:
    """Return what holds the lane up, and since when; ("", None) when nothing does."""
    rows = fetch("SELECT trouble, trouble_since FROM identity_lane WHERE id = %s", [ROW])
    return (rows[0][0], rows[0][1]) if rows else ("", None)
