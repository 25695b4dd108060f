"""Stage 3 with the ORM: traits, presence, counters, visits, orders, vault, consent."""

import hashlib
import hmac
import os
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from benchmarks.orm.rows import Keeper, instant, maybe
from identity.clock import Instant
from identity.privacy import vault, wishes
from identity.privacy.keys import keys_at
from identity.privacy.models import Consent, VaultEntry
from identity.profiles import order_table
from identity.profiles import orders as reckoning
from identity.profiles.models import ContactCount, Order, OrderTotal, Seen, Trait, Visit
from identity.profiles.types import Arrival, Resolved
from identity.profiles.visits import SILENCE, Interval, is_activity, join, visitor
from identity.touchpoints.types import Direction, Touchpoint

_CONTACTS = frozenset({"track", "page", "screen"})
_Place = tuple[int, str]


def fold(keep: Keeper, resolved: Resolved) -> None:
    arrivals = resolved.arrivals
    _traits(keep, arrivals)
    _seen(keep, arrivals)
    _contacts(keep, arrivals)
    _visits(keep, resolved)
    _orders(keep, arrivals)
    _vault(keep, arrivals)
    _consent(keep, arrivals)


def _said(row: Any) -> tuple[Instant, Instant, str]:
    return instant(row.at), instant(row.received_at), row.touchpoint


def _newest(
    keep: Keeper,
    said: Iterable[Any],
    known: Iterable[Any],
    place: Callable[[Any], Any],
    *update: str,
) -> None:
    """Write what is newer than what is known; `said` and `known` are rows, `place` tells which one a row is about."""
    newest: dict[Any, Any] = {}
    for row in said:
        if place(row) not in newest or _said(newest[place(row)]) < _said(row):
            newest[place(row)] = row
    before = {place(row): row for row in known}
    rows = []
    for where, row in newest.items():
        old = before.get(where)
        if old is not None and _said(old) >= _said(row):
            continue
        if old is not None:
            for name in update:
                setattr(old, name, getattr(row, name))
        rows.append(old or row)
    keep.put(rows, *update)


# --- Traits, presence, counters ---


def _traits(keep: Keeper, arrivals: Sequence[Arrival]) -> None:
    said = [
        Trait(
            owner_id=arrival.owner,
            name=name,
            value=msgspec.json.encode(value, order="deterministic").decode(),
            at=arrival.touchpoint.at,
            received_at=arrival.touchpoint.received_at,
            touchpoint=arrival.touchpoint.id,
            source=arrival.touchpoint.source,
        )
        for arrival in arrivals
        for name, value in arrival.touchpoint.traits.items()
    ]
    known = keep.find(Trait, "owner_id", [row.owner_id for row in said])
    fields = ("value", "at", "received_at", "touchpoint", "source")
    _newest(keep, said, known, lambda row: (row.owner_id, row.name), *fields)


def _seen(keep: Keeper, arrivals: Sequence[Arrival]) -> None:
    rows = {row.pk: row for row in keep.find(Seen, "pk", {each.owner for each in arrivals})}
    for arrival in arrivals:
        touchpoint = arrival.touchpoint
        row: Any = rows.setdefault(
            arrival.owner, Seen(owner_id=arrival.owner, first_at=touchpoint.at)
        )
        row.first_at = min(instant(row.first_at), touchpoint.at)
        if touchpoint.direction is Direction.INBOUND or touchpoint.type not in _CONTACTS:
            row.last_at = max(maybe(row.last_at) or 0, touchpoint.at)
    keep.put(list(rows.values()), "first_at", "last_at")


def _contacts(keep: Keeper, arrivals: Sequence[Arrival]) -> None:
    met = [each for each in arrivals if each.touchpoint.type in _CONTACTS]
    rows: dict[tuple[Any, ...], Any] = {
        tuple(row.pk): row
        for row in keep.find(ContactCount, "owner_id", {each.owner for each in met})
    }
    touched = {}
    for arrival in met:
        one = arrival.touchpoint
        way = arrival.owner, one.direction.value, one.channel, one.message_class, one.event
        if way not in rows:
            names = ("owner_id", "direction", "channel", "message_class", "event")
            rows[way] = ContactCount(
                **dict(zip(names, way, strict=True)), count=0, first_at=one.at, last_at=one.at
            )
        row = touched[way] = rows[way]
        row.count += 1
        row.first_at = min(instant(row.first_at), one.at)
        row.last_at = max(instant(row.last_at), one.at)
    keep.put(list(touched.values()), "count", "first_at", "last_at")


# --- Visits ---


def _visits(keep: Keeper, resolved: Resolved) -> None:
    ids = {identifier: row for row, identifier in resolved.identifiers.items()}
    new: dict[int, list[Interval]] = defaultdict(list)
    for arrival in resolved.arrivals:
        one = arrival.touchpoint
        whose = visitor(one, resolved.policy) if is_activity(one) else None
        if whose is not None:
            new[ids[whose]].append(Interval(arrival.touchpoint.at, arrival.touchpoint.at, 1))
    if not new:
        return
    earliest = min(one.started_at for intervals in new.values() for one in intervals)
    known: dict[int, dict[Instant, Visit]] = defaultdict(dict)
    for row in keep.find(Visit, "owner_id", new, ended_at__gt=earliest - SILENCE):
        known[row.owner_id][instant(row.started_at)] = row
    rows, gone = [], []
    for owner, intervals in new.items():
        joined = join([*intervals, *(_interval(row) for row in known[owner].values())])
        kept = {one.started_at for one in joined}
        gone += [row for started, row in known[owner].items() if started not in kept]
        rows += [_visit(owner, one, known[owner].get(one.started_at)) for one in joined]
    keep.drop(gone)
    keep.put(rows, "ended_at", "touchpoints")


def _interval(row: Visit) -> Interval:
    return Interval(instant(row.started_at), instant(row.ended_at), row.touchpoints)


def _visit(owner: int, one: Interval, known: Visit | None) -> Visit:
    row: Any = known or Visit(owner_id=owner, started_at=one.started_at)
    row.ended_at, row.touchpoints = one.ended_at, one.touchpoints
    return row  # type: ignore[no-any-return]


# --- Orders ---


def _orders(keep: Keeper, arrivals: Sequence[Arrival]) -> None:
    events = [
        (arrival.owner, reckoning.order_id(arrival.touchpoint), arrival.touchpoint)
        for arrival in arrivals
        if reckoning.counts(arrival.touchpoint)
    ]
    known = {
        (row.owner_id, row.order_id): row
        for row in keep.find(Order, "order_id", {order for _, order, _ in events})
    }
    before = {place: _order(row) for place, row in known.items()}
    after = _applied(before, events)
    rows = [
        _order_row(place, order, known.get(place))
        for place, order in after.items()
        if order != before.get(place)
    ]
    keep.put(rows, *order_table.COLUMNS)
    _account(keep, before, after)


def _applied(
    before: Mapping[_Place, reckoning.Order], events: Iterable[tuple[int, str, Touchpoint]]
) -> dict[_Place, reckoning.Order]:
    after = dict(before)
    for owner, order, touchpoint in events:
        known = after.get((owner, order), reckoning.Order())
        after[owner, order] = reckoning.apply(known, touchpoint)
    places: dict[str, list[_Place]] = defaultdict(list)
    for place in after:
        places[place[1]].append(place)
    for each in places.values():
        if len(each) > 1:
            raise NotImplementedError("the stream brings no order under two identifiers")
    return after


def _order(row: Order) -> reckoning.Order:
    values = [getattr(row, name) for name in order_table.COLUMNS]
    return order_table.order(
        [instant(value) if isinstance(value, datetime) else value for value in values]
    )


def _order_row(place: _Place, order: reckoning.Order, known: Order | None) -> Order:
    row = known or Order(owner_id=place[0], order_id=place[1])
    for name, value in zip(order_table.COLUMNS, order_table.row(order), strict=True):
        setattr(row, name, value)
    return row


def _account(
    keep: Keeper,
    before: Mapping[_Place, reckoning.Order],
    after: Mapping[_Place, reckoning.Order],
) -> None:
    changes: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for orders, sign in ((before, -1), (after, 1)):
        for (owner, _), order in orders.items():
            changes[owner, order.currency][0] += sign * order.worth.orders
            changes[owner, order.currency][1] += sign * order.worth.revenue
    found = keep.find(OrderTotal, "owner_id", {owner for owner, _ in changes})
    known = {(row.owner_id, row.currency): row for row in found}
    rows = []
    for (owner, currency), (count, revenue) in changes.items():
        row = known.get((owner, currency)) or OrderTotal(
            owner_id=owner, currency=currency, orders=0, revenue=0
        )
        row.orders += count
        row.revenue += revenue
        rows.append(row)
    keep.put(rows, "orders", "revenue")


# --- Vault, consent ---


def _vault(keep: Keeper, arrivals: Sequence[Arrival]) -> None:
    key = keys_at(settings.KEYS_FILE).vault
    said = []
    for arrival in arrivals:
        one = arrival.touchpoint
        values = [(each.key, vault.VALUE, clear) for each, clear in one.pii.items()]
        if one.owner is not None:
            values += [(one.owner.key, name, clear) for name, clear in one.pii_fields.items()]
        said += [
            VaultEntry(
                identifier=identifier,
                field=field,
                sealed=_sealed(key, identifier, field, clear),
                at=one.at,
                received_at=one.received_at,
                touchpoint=one.id,
            )
            for identifier, field, clear in values
        ]
    known = keep.find(VaultEntry, "identifier", {row.identifier for row in said})
    fields = ("sealed", "at", "received_at", "touchpoint")
    _newest(keep, said, known, lambda row: (row.identifier, row.field), *fields)


def _sealed(key: bytes, identifier: str, field: str, clear: str) -> str:
    cipher = AESGCM(hmac.digest(key, identifier.encode(), hashlib.sha256))
    nonce = os.urandom(12)
    sealed = cipher.encrypt(nonce, clear.encode(), f"{identifier}\0{field}".encode())
    return b64encode(nonce + sealed).decode()


def _consent(keep: Keeper, arrivals: Sequence[Arrival]) -> None:
    said = [
        Consent(**word._asdict()) for each in arrivals for word in wishes.said(each.touchpoint)
    ]
    known = keep.find(Consent, "identifier", {row.identifier for row in said})
    fields = ("granted", "at", "received_at", "touchpoint", "said_by")
    _newest(keep, said, known, lambda row: (row.identifier, row.purpose, row.channel), *fields)
