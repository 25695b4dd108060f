"""How an order lies in its table, for statements that read and write many."""

from collections.abc import Sequence
from typing import Any

import msgspec

from identity.profiles.orders import Order, Stamp

COLUMNS = {
    "ticks": "bigint",
    "ticks_at": "bigint",
    "ticks_received_at": "bigint",
    "ticks_touchpoint": "text",
    "currency": "text",
    "currency_at": "bigint",
    "currency_received_at": "bigint",
    "currency_touchpoint": "text",
    "refunds": "text",
    "returned": "boolean",
    "cancelled": "boolean",
    "placed_at": "bigint",
    "shared": "boolean",
}
_UNSAID = (None, None, "")
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, int]).decode


def names(alias: str) -> str:
    """Return the columns for a SELECT from that alias."""
    return ", ".join(f"{alias}.{name}" for name in COLUMNS)


def order(row: Sequence[Any]) -> Order:
    """Read the columns."""
    refunds, returned, cancelled, placed_at, shared = row[8:]
    return Order(
        ticks=row[0],
        ticks_said=_stamp(row[1:4]),
        code=row[4],
        code_said=_stamp(row[5:8]),
        refunds=_decode(refunds) if refunds != "{}" else {},
        returned=bool(returned),
        cancelled=bool(cancelled),
        placed_at=placed_at,
        shared=bool(shared),
    )


def row(one: Order) -> tuple[Any, ...]:
    """Return the columns' values."""
    return (
        one.ticks,
        *(one.ticks_said or _UNSAID),
        one.code,
        *(one.code_said or _UNSAID),
        _encode(one.refunds).decode(),
        one.returned,
        one.cancelled,
        one.placed_at,
        one.shared,
    )


def _stamp(columns: Sequence[Any]) -> Stamp | None:
    at, received_at, touchpoint = columns
    return None if at is None else (at, received_at, touchpoint)
