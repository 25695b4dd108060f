"""Orders and revenue of profiles: the accounts of their owner identifiers, and the orders that several of them share, once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from identity.profiles import order_table
from identity.profiles.orders import Order, combine
from identity.sql import Rows, fetch

_HALF = 1_000_000_000
# In two halves, since a database's SUM must not leave 64 bits.
_SUMS = f"SUM(t.orders), SUM(t.revenue / {_HALF}), SUM(t.revenue - t.revenue / {_HALF} * {_HALF})"
_ORDER = f"o.order_id, {order_table.names('o')}"


@dataclass(slots=True)
class Account:
    """`orders`: without cancelled ones. `revenue`: currency -> minor units, refunds taken off."""

    orders: int = 0
    revenue: Counter[str] = field(default_factory=Counter)

    def add(self, currency: str, orders: int, revenue: int) -> None:
        self.orders += orders
        self.revenue[currency] += revenue


def of_owners(profiles: Mapping[int, int]) -> dict[int, Account]:
    """Return the account of each profile, by row id; `profiles` maps row ids of owner identifiers to their profile's."""
    accounts: dict[int, Account] = defaultdict(Account)
    owners = Rows("owners", owner="bigint")
    for owner, currency, orders, revenue in fetch(
        "SELECT t.owner_id, t.currency, t.orders, t.revenue"
        f" FROM {owners} JOIN identity_ordertotal AS t ON t.owner_id = owners.owner",
        owners.of((owner,) for owner in profiles),
    ):
        accounts[profiles[owner]].add(currency, orders, revenue)
    rows = fetch(
        f"SELECT o.owner_id, {_ORDER} FROM {owners}"
        " JOIN identity_order AS o ON o.owner_id = owners.owner WHERE o.shared",
        owners.of((owner,) for owner in profiles),
    )
    _add_shared(accounts, ((profiles[row[0]], *row[1:]) for row in rows))
    return accounts


def of_all() -> Account:
    """Return the account of everybody together."""
    total = Account()
    for row in fetch(
        f"SELECT t.currency, {_SUMS} FROM identity_ordertotal AS t GROUP BY t.currency"
    ):
        total.add(*_sums(row))
    rows = fetch(
        f"SELECT i.profile_id, {_ORDER} FROM identity_order AS o"
        " JOIN identity_identifier AS i ON i.id = o.owner_id WHERE o.shared"
    )
    accounts: dict[int, Account] = defaultdict(Account)
    _add_shared(accounts, rows)
    for account in accounts.values():
        total.orders += account.orders
        total.revenue.update(account.revenue)
    return total


def of_groups(groups: str, parameters: Sequence[object]) -> dict[int, Account]:
    """Return the accounts of groups of people. `groups`: a SELECT of (grp, owner), row ids of group and owner identifier, each pair once.

    An order that several people of one group share is counted once.
    """
    accounts: dict[int, Account] = defaultdict(Account)
    for group, *account in fetch(
        f"SELECT g.grp, t.currency, {_SUMS} FROM ({groups}) AS g"
        " JOIN identity_ordertotal AS t ON t.owner_id = g.owner GROUP BY g.grp, t.currency",
        parameters,
    ):
        accounts[group].add(*_sums(account))
    rows = fetch(
        f"SELECT g.grp, {_ORDER} FROM ({groups}) AS g"
        " JOIN identity_order AS o ON o.owner_id = g.owner WHERE o.shared",
        parameters,
    )
    _add_shared(accounts, rows)
    return accounts


def _sums(row: Sequence[Any]) -> tuple[str, int, int]:
    """Return currency, orders and revenue of a row with `_SUMS`."""
    currency, orders, high, low = row
    return currency, int(orders), int(high) * _HALF + int(low)


def _add_shared(accounts: dict[int, Account], rows: Iterable[Sequence[Any]]) -> None:
    parts: dict[tuple[int, str], list[Order]] = defaultdict(list)
    for profile, order_id, *columns in rows:
        parts[profile, order_id].append(order_table.order(columns))
    for (profile, _), listed in parts.items():
        order = combine(listed)
        if order.worth.orders:
            accounts[profile].add(order.currency, *order.worth)
