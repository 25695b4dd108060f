"""Orders, and what they add to each owner identifier's account.

The lane is the only writer, so an order is read, changed in Python and written back. An order id that comes under a second owner
identifier (a guest's checkout in the browser, the refund from the shop's server) is marked as shared under both: accounts leave
it out, and whoever sums a profile counts it once (identity.profiles.accounts).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from identity.profiles import order_table
from identity.profiles.order_table import COLUMNS
from identity.profiles.orders import Order, apply, counts, order_id
from identity.profiles.types import Arrival
from identity.sql import Rows, execute, fetch

Place = tuple[int, str]  # row id of the owner identifier, order id
_NAMES = ", ".join(COLUMNS)


def fold(arrivals: Sequence[Arrival]) -> None:
    """Bring the batch's orders and their owners' accounts up to date; at most four statements."""
    events = [
        (arrival.owner, order_id(arrival.touchpoint), arrival.touchpoint)
        for arrival in arrivals
        if counts(arrival.touchpoint)
    ]
    if not events:
        return
    before = _read({(owner, order) for owner, order, _ in events})
    after = dict(before)
    for owner, order, touchpoint in events:
        after[owner, order] = apply(after.get((owner, order), Order()), touchpoint)
    _mark_shared(after)
    _write({place: order for place, order in after.items() if order != before.get(place)})
    _account(before, after)


def _read(places: Iterable[Place]) -> dict[Place, Order]:
    """Read these orders, and of every other owner of the same ids enough to tell: the one unshared order, or one that is shared."""
    rows = Rows("wanted", owner="bigint", order_id="text")
    columns = f"o.owner_id, o.order_id, {order_table.names('o')}"
    found = fetch(
        f"WITH wanted AS (SELECT DISTINCT owner, order_id FROM {rows}),"
        " ids AS (SELECT DISTINCT order_id FROM wanted)"
        f" SELECT {columns} FROM wanted JOIN identity_order AS o"
        " ON o.owner_id = wanted.owner AND o.order_id = wanted.order_id"
        f" UNION SELECT {columns} FROM ids JOIN identity_order AS o"
        " ON o.order_id = ids.order_id AND o.shared = %s"
        f" UNION SELECT {columns} FROM ids JOIN identity_order AS o"
        " ON o.order_id = ids.order_id AND o.shared = %s AND o.owner_id ="
        " (SELECT MIN(s.owner_id) FROM identity_order AS s"
        " WHERE s.order_id = ids.order_id AND s.shared = %s)",
        [*rows.of(places), False, True, True],
    )
    return {(row[0], row[1]): order_table.order(row[2:]) for row in found}


def _mark_shared(orders: dict[Place, Order]) -> None:
    owners: dict[str, list[Place]] = defaultdict(list)
    for place in orders:
        owners[place[1]].append(place)
    for places in owners.values():
        if len(places) > 1:
            for place in places:
                orders[place] = replace(orders[place], shared=True)


def _write(orders: Mapping[Place, Order]) -> None:
    rows = Rows("made", owner="bigint", order_id="text", **COLUMNS)
    execute(
        f"INSERT INTO identity_order (owner_id, order_id, {_NAMES})"
        f" SELECT owner, order_id, {_NAMES} FROM {rows} WHERE true"
        " ON CONFLICT (owner_id, order_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS),
        rows.of((*place, *order_table.row(order)) for place, order in orders.items()),
    )


def _account(before: Mapping[Place, Order], after: Mapping[Place, Order]) -> None:
    """Add to each owner's account what the batch changed in the worth of its orders."""
    changes: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for orders, sign in ((before, -1), (after, 1)):
        for (owner, _), order in orders.items():
            worth = order.worth
            if worth.orders:
                change = changes[owner, order.currency]
                change[0] += sign * worth.orders
                change[1] += sign * worth.revenue
    changed = [(*account, *change) for account, change in changes.items() if any(change)]
    if not changed:
        return
    rows = Rows("more", owner="bigint", currency="text", orders="bigint", revenue="bigint")
    execute(
        "INSERT INTO identity_ordertotal (owner_id, currency, orders, revenue)"
        f" SELECT more.owner, more.currency, more.orders, more.revenue FROM {rows} WHERE true"
        " ON CONFLICT (owner_id, currency) DO UPDATE SET"
        " orders = identity_ordertotal.orders + excluded.orders,"
        " revenue = identity_ordertotal.revenue + excluded.revenue",
        rows.of(changed),
    )
    if any(orders < 0 for orders, _ in changes.values()):
        _close(changed)


def _close(accounts: Iterable[Sequence[Any]]) -> None:
    """Take away accounts that came to nothing: an order was cancelled, turned out to be shared, or changed its currency."""
    rows = Rows("changed", owner="bigint", currency="text")
    execute(
        "DELETE FROM identity_ordertotal WHERE orders = 0 AND (owner_id, currency) IN"
        f" (SELECT changed.owner, changed.currency FROM {rows})",
        rows.of(account[:2] for account in accounts),
    )
