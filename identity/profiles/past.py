"""What rules read of one person, as it was after any of their touchpoints: folded in memory, as stage 3 folds it into tables."""

from dataclasses import replace
from typing import Any

from identity.clock import Instant
from identity.profiles.accounts import Account
from identity.profiles.folding import presence, traits
from identity.profiles.orders import Order, Stamp, apply, counts, order_id
from identity.profiles.types import Facts
from identity.touchpoints.types import Touchpoint


class Past:
    """A person of whom nothing is known yet. Whatever order touchpoints are added in, `facts` says the same of the same ones.

    Of `person` it keeps who that is. It knows what audiences can ask for: traits, orders, revenue, first and last seen.
    """

    def __init__(self, person: Facts) -> None:
        self._person = replace(
            person, traits={}, first_seen=0, last_seen=0, orders=0, revenue={}, consent={}
        )
        self._moments: dict[str, Stamp] = {}
        self._traits: dict[str, Any] = {}
        self._orders: dict[str, Order] = {}
        self._account = Account()
        self._first: Instant | None = None
        self._last: Instant = 0

    def add(self, touchpoint: Touchpoint) -> None:
        """Learn one more."""
        moment = touchpoint.at, touchpoint.received_at, touchpoint.id
        for name, value in traits.said(touchpoint):
            if name not in self._moments or self._moments[name] < moment:
                self._moments[name], self._traits[name] = moment, value
        if counts(touchpoint):
            self._order(touchpoint)
        at = touchpoint.at
        self._first = at if self._first is None else min(at, self._first)
        if presence.acts(touchpoint):
            self._last = max(at, self._last)

    def _order(self, touchpoint: Touchpoint) -> None:
        place = order_id(touchpoint)
        before = self._orders.get(place, Order())
        after = self._orders[place] = apply(before, touchpoint)
        self._account.add(before.currency, -before.worth.orders, -before.worth.revenue)
        self._account.add(after.currency, *after.worth)

    @property
    def facts(self) -> Facts:
        """What is known by now."""
        return replace(
            self._person,
            traits={name: value for name, value in self._traits.items() if value is not None},
            first_seen=self._first or 0,
            last_seen=self._last,
            orders=self._account.orders,
            revenue=dict(self._account.revenue),
        )
