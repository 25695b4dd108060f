"""Caps of one person's own: given by a journey ("three more ads this week, no more") or through the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from activation.pressure.types import PersonCap
from identity.sql import Rows, execute
from identity.touchpoints.types import BatchContext


def change(caps: Sequence[PersonCap], context: BatchContext) -> None:
    """Set caps in the caller's transaction, in the lane. The newest per person and channel holds; a past `until` ends one."""
    latest = {(cap.owner, cap.channel): cap for cap in caps}
    if not latest:
        return
    rows = Rows(
        "caps",
        owner="bigint",
        channel="text",
        most="bigint",
        span="bigint",
        until="bigint",
        origin="text",
    )
    execute(
        'INSERT INTO activation_personcap (owner_id, channel, "limit", "window", until, origin, changed_at)'
        f" SELECT owner, channel, most, span, until, origin, %s FROM {rows} WHERE true"
        " ON CONFLICT (owner_id, channel) DO UPDATE SET"
        ' "limit" = excluded."limit", "window" = excluded."window", until = excluded.until,'
        " origin = excluded.origin, changed_at = excluded.changed_at",
        [
            context.now,
            *rows.of(
                (one.owner, one.channel, one.limit, one.window, one.until, one.origin)
                for one in latest.values()
            ),
        ],
    )


# --- The lane command, with the fields of PersonCap as payload ---

CHANGE = "pressure.cap"


def execute_change(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Carry out CHANGE."""
    change([PersonCap(**payload)], context)
