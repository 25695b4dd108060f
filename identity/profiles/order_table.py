"""How an order lies in its table, for statements that read and write many."""

from collections.abc import Sequence
from typing import Any

from identity.profiles.orders import Order

COLUMNS = {
    "amount": "bigint",
    "currency": "text",
    "refunded": "bigint",
    "returned": "boolean",
    "cancelled": "boolean",
    "placed_at": "bigint",
    "at": "bigint",
    "received_at": "bigint",
    "touchpoint": "text",
    "source": "bigint",
    "shared": "boolean",
}


def names(alias: str) -> str:
    """Return the columns for a SELECT from that alias."""
    return ", ".join(f"{alias}.{name}" for name in COLUMNS)


def order(row: Sequence[Any]) -> Order:
    """Read the columns."""
    amount, currency, refunded, returned, cancelled, placed, *stated, source, shared = row
    return Order(
        amount=amount,
        currency=currency,
        refunded=refunded,
        returned=bool(returned),
        cancelled=bool(cancelled),
        placed_at=placed,
        stated=None if stated[0] is None else (stated[0], stated[1], stated[2]),
        source=source,
        shared=bool(shared),
    )


def row(one: Order) -> tuple[Any, ...]:
    """Return the columns' values."""
    return (
        one.amount,
        one.currency,
        one.refunded,
        one.returned,
        one.cancelled,
        one.placed_at,
        *(one.stated or (None, None, "")),
        one.source,
        one.shared,
    )
