"""What rules read of one person, as it was after any of their touchpoints: folded in memory, as stage 3 folds it into tables."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from identity.clock import Instant
from identity.graph.port import GraphStore
from identity.profiles.folding import presence, traits
from identity.profiles.orders import Order, apply, counts, order_id
from identity.profiles.types import Facts
from identity.touchpoints.types import Identifier, Touchpoint

PAGE = 500


def told(
    graph: GraphStore, owners: Collection[Identifier], *, most: int
) -> list[Touchpoint] | None:
    """Return everything that these identifiers own, newest first; None when it is more than `most`."""
    found: list[Touchpoint] = []
    before: tuple[Instant, str] | None = None
    while page := graph.timeline(owners, before=before, limit=PAGE):
        found += page
        if len(found) > most:
            return None
        before = page[-1].at, page[-1].id
    return found


class Past:
    """A person of whom nothing is known yet. Whatever order touchpoints are added in, `facts` says the same of the same ones.

    Of `person` it keeps who that is. It knows what audiences can ask for: traits, orders, revenue, first and last seen.
    """

    def __init__(self, person: Facts) -> None:
        self._person = replace(
            person, traits={}, first_seen=0, last_seen=0, orders=0, revenue={}, consent={}
        )
        self._said: dict[str, tuple[Any, ...]] = {}
        self._orders: dict[str, Order] = {}
        self._first: Instant | None = None
        self._last: Instant = 0

    def add(self, touchpoint: Touchpoint) -> None:
        """Learn one more."""
        moment = touchpoint.at, touchpoint.received_at, touchpoint.id
        for name, value in traits.said(touchpoint):
            if name not in self._said or self._said[name][0] < moment:
                self._said[name] = moment, value
        if counts(touchpoint):
            place = order_id(touchpoint)
            self._orders[place] = apply(self._orders.get(place, Order()), touchpoint)
        self._first = min(touchpoint.at, self._first or touchpoint.at)
        if presence.acts(touchpoint):
            self._last = max(touchpoint.at, self._last)

    @property
    def facts(self) -> Facts:
        """What is known by now."""
        worths = [(order.currency, order.worth) for order in self._orders.values()]
        revenue: dict[str, int] = {}
        for currency, worth in worths:
            if worth.orders:
                revenue[currency] = revenue.get(currency, 0) + worth.revenue
        return replace(
            self._person,
            traits={name: value for name, (_, value) in self._said.items() if value is not None},
            first_seen=self._first or 0,
            last_seen=self._last,
            orders=sum(worth.orders for _, worth in worths),
            revenue=revenue,
        )
