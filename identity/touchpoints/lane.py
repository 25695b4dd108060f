"""Where the lane stands: its epoch, its heartbeat, the record of its batches.

Fencing: a new lane raises the epoch in the Django database and in the graph store before its first batch, and every
transaction of a lane first compares it. A lane that was stopped and woke up after a take-over can therefore write nothing.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction

from identity.clock import Instant
from identity.graph.port import LaneSuperseded
from identity.sql import execute, fetch
from identity.touchpoints.models import Batch, Lane

ROW = 1


def take_over(holder: str, now: Instant) -> int:
    """Raise the epoch for a new lane; return it."""
    with transaction.atomic():
        Lane.objects.get_or_create(pk=ROW)
        rows = fetch(
            "UPDATE identity_lane SET epoch = epoch + 1, holder = %s, heartbeat_at = %s"
            " WHERE id = %s RETURNING epoch",
            [holder, now, ROW],
        )
    return int(rows[0][0])


def compare_epoch(epoch: int) -> None:
    """Raise LaneSuperseded unless `epoch` is the present one; holds it for the rest of the transaction."""
    lock = " FOR UPDATE" if connection.vendor == "postgresql" else ""
    rows = fetch(f"SELECT epoch FROM identity_lane WHERE id = %s{lock}", [ROW])
    if not rows or rows[0][0] != epoch:
        raise LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")


def beat(epoch: int, now: Instant) -> None:
    """Say that the lane lives. Raises LaneSuperseded."""
    changed = execute(
        "UPDATE identity_lane SET heartbeat_at = %s WHERE id = %s AND epoch = %s",
        [now, ROW, epoch],
    )
    if not changed:
        raise LaneSuperseded(f"epoch {epoch} has passed: another lane has taken over")


def remember(
    *, epoch: int, now: Instant, mode: str, numbers: tuple[int, ...], versions: Mapping[str, Any]
) -> None:
    """Store what this transaction processes, with the time and the versions that it uses."""
    Batch.objects.create(
        epoch=epoch,
        now=now,
        mode=mode,
        first_number=min(numbers, default=None),
        last_number=max(numbers, default=None),
        touchpoints=len(numbers),
        versions=dict(versions),
    )


def heartbeat() -> tuple[int, Instant | None]:
    """Return the present epoch and the last heartbeat."""
    rows = fetch("SELECT epoch, heartbeat_at FROM identity_lane WHERE id = %s", [ROW])
    return (rows[0][0], rows[0][1]) if rows else (0, None)
