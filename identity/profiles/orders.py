"""What e-commerce events say about orders, and how an order is made of them, whatever their sequence. No Django, no clock.

Events of Segment's e-commerce specification: "Order Completed" and "Order Updated" state the order. They state what they name:
the newest that names a sum gives the sum, the newest that names a currency the currency, and an event that leaves one out leaves
it alone. "Order Refunded" takes its sum off, or everything when it names none; a refund in another currency than the order's is
kept and shown, but not taken off. "Order Cancelled" is final. An order id that comes again is the same order; an event without
one is an order of its own.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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

Stamp = tuple[Instant, Instant, str]  # at, received_at, touchpoint: the greater is the newer


class Worth(NamedTuple):
    """What an order adds to its owner's account: nothing while it is unstated, cancelled or shared."""

    orders: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """See identity.profiles.models.Order. `refunds`: currency ("" = the order's) -> ticks."""

    ticks: int | None = None
    ticks_said: Stamp | None = None
    code: str = ""
    code_said: Stamp | None = None
    refunds: Mapping[str, int] = field(default_factory=dict)
    returned: bool = False
    cancelled: bool = False
    placed_at: Instant | None = None
    shared: bool = False

    @property
    def currency(self) -> str:
        """The currency that was said last; the specification's when nobody ever said one."""
        return self.code or money.UNSAID

    @property
    def amount(self) -> int:
        """Minor units that the order was worth; 0 when nobody said."""
        return money.minor(self.ticks or 0, self.currency)

    @property
    def net(self) -> int:
        """Minor units that are left after refunds in the order's currency, never below zero."""
        if self.returned or self.cancelled:
            return 0
        refunded = self.refunds.get("", 0) + self.refunds.get(self.currency, 0)
        return max(0, self.amount - money.minor(refunded, self.currency))

    @property
    def foreign(self) -> dict[str, int]:
        """Refunds in other currencies: code -> minor units."""
        return {
            code: money.minor(ticks, code)
            for code, ticks in sorted(self.refunds.items())
            if code not in {"", self.currency}
        }

    @property
    def worth(self) -> Worth:
        if self.placed_at is None or self.cancelled or self.shared:
            return Worth()
        return Worth(1, self.net)


def counts(touchpoint: Touchpoint) -> bool:
    """Say whether a touchpoint speaks of an order."""
    return touchpoint.event in EVENTS and touchpoint.type == "track"


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
    ticks = worth(touchpoint.properties)
    if touchpoint.event == REFUNDED:
        if ticks is None:
            return replace(order, returned=True)
        return replace(order, refunds=dict(Counter(order.refunds) + Counter({code: abs(ticks)})))
    stamp = (touchpoint.at, touchpoint.received_at, touchpoint.id)
    stated = Order(
        ticks=None if ticks is None else max(0, ticks),
        ticks_said=None if ticks is None else stamp,
        code=code,
        code_said=stamp if code else None,
        placed_at=touchpoint.at,
    )
    return replace(combine([order, stated]), shared=order.shared)


def combine(parts: Iterable[Order]) -> Order:
    """Return the one order that several statements make, or that several owner identifiers of one person share."""
    listed = list(parts)
    priced = max(listed, key=lambda part: part.ticks_said or ())
    named = max(listed, key=lambda part: part.code_said or ())
    return Order(
        ticks=priced.ticks,
        ticks_said=priced.ticks_said,
        code=named.code,
        code_said=named.code_said,
        refunds=dict(sum((Counter(part.refunds) for part in listed), Counter())),
        returned=any(part.returned for part in listed),
        cancelled=any(part.cancelled for part in listed),
        placed_at=min((at for part in listed if (at := part.placed_at) is not None), default=None),
    )


def worth(properties: Mapping[str, Any]) -> int | None:
    """Return what an event says the order is worth, in ticks; None when it does not say."""
    for name in _SUMS:
        found = money.number(properties.get(name))
        if found is not None:
            return money.ticks(found)
    return _of_products(properties.get("products"))


def _of_products(products: Any) -> int | None:
    lines = products if isinstance(products, list) else []
    total, priced = Decimal(0), False
    for line in lines:
        price = money.number(line.get("price")) if isinstance(line, dict) else None
        if price is not None:
            quantity = money.number(line.get("quantity"))
            total += price * (Decimal(1) if quantity is None else quantity)
            priced = True
    return money.ticks(total) if priced else None
