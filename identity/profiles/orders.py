"""What e-commerce events say about orders, and how an order is made of them, whatever their sequence. No Django, no clock.

Events of Segment's e-commerce specification: "Order Completed" and "Order Updated" state the order, the newest statement holds;
"Order Refunded" takes its sum off, or everything when it names none; "Order Cancelled" is final. An order id that comes again is
the same order; an event without one is an order of its own.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from identity.clock import Instant
from identity.profiles import money
from identity.touchpoints.types import Touchpoint

COMPLETED, UPDATED = "Order Completed", "Order Updated"
REFUNDED, CANCELLED = "Order Refunded", "Order Cancelled"
EVENTS = frozenset({COMPLETED, UPDATED, REFUNDED, CANCELLED})
_LONGEST = 200
_SUMS = ("revenue", "total", "value")  # the first that is given is the order's worth


class Worth(NamedTuple):
    """What an order adds to its owner's account: nothing while it is unstated, cancelled or shared."""

    orders: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """See identity.profiles.models.Order. `stated` = (at, received_at, touchpoint) of the newest statement."""

    amount: int | None = None
    currency: str = ""
    refunded: int = 0
    returned: bool = False
    cancelled: bool = False
    placed_at: Instant | None = None
    stated: tuple[Instant, Instant, str] | None = None
    source: int = 0
    shared: bool = False

    @property
    def net(self) -> int:
        """Minor units that are left after refunds, never below zero."""
        if self.amount is None or self.returned or self.cancelled:
            return 0
        return max(0, self.amount - self.refunded)

    @property
    def worth(self) -> Worth:
        if self.amount is None or self.cancelled or self.shared:
            return Worth()
        return Worth(1, self.net)


def order_id(touchpoint: Touchpoint) -> str:
    """Return the order's id; the touchpoint's own where none is given, a digest of one that is too long."""
    given = touchpoint.properties.get("order_id")
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return touchpoint.id
    text = str(given).strip()
    if not text:
        return touchpoint.id
    if len(text) > _LONGEST or "\0" in text:
        return hashlib.sha256(text.encode()).hexdigest()
    return text


def apply(order: Order, touchpoint: Touchpoint) -> Order:
    """Return the order with what one event says. Any sequence of the same events gives the same order."""
    if touchpoint.event == CANCELLED:
        return replace(order, cancelled=True)
    code = money.currency(touchpoint.properties.get("currency"))
    amount = worth(touchpoint.properties, code)
    if touchpoint.event == REFUNDED:
        if amount is None:
            return replace(order, returned=True)
        return replace(order, refunded=order.refunded + abs(amount))
    return _state(order, touchpoint, max(0, amount or 0), code)


def combine(parts: Iterable[Order]) -> Order:
    """Return the one order that several owner identifiers of one person share."""
    listed = list(parts)
    stated = [part for part in listed if part.stated is not None]
    newest = max(stated, key=lambda part: part.stated or (), default=Order())
    placed = [part.placed_at for part in stated if part.placed_at is not None]
    return replace(
        newest,
        refunded=sum(part.refunded for part in listed),
        returned=any(part.returned for part in listed),
        cancelled=any(part.cancelled for part in listed),
        placed_at=min(placed, default=None),
        shared=False,
    )


def worth(properties: Mapping[str, Any], code: str) -> int | None:
    """Return what an event says the order is worth, in minor units; None when it does not say."""
    for name in _SUMS:
        found = money.number(properties.get(name))
        if found is not None:
            return money.minor(found, code)
    return _of_products(properties.get("products"), code)


def _of_products(products: Any, code: str) -> int | None:
    lines = products if isinstance(products, list) else []
    total, priced = Decimal(0), False
    for line in lines:
        price = money.number(line.get("price")) if isinstance(line, dict) else None
        if price is not None:
            quantity = money.number(line.get("quantity"))
            total += price * (Decimal(1) if quantity is None else quantity)
            priced = True
    return money.minor(total, code) if priced else None


def _state(order: Order, touchpoint: Touchpoint, amount: int, code: str) -> Order:
    said = (touchpoint.at, touchpoint.received_at, touchpoint.id)
    placed = touchpoint.at if order.placed_at is None else min(order.placed_at, touchpoint.at)
    if order.stated is not None and said < order.stated:
        return replace(order, placed_at=placed)
    return replace(
        order,
        amount=amount,
        currency=code,
        placed_at=placed,
        stated=said,
        source=touchpoint.source,
    )
