"""Everything that is known of one profile, for the API, the admin and exports. Clear personal data is named here, never shown."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, NamedTuple

import msgspec

from identity.clock import Instant, from_datetime
from identity.graph import policies
from identity.graph.policy import Policy
from identity.privacy import vault
from identity.privacy.models import Consent, Suppression
from identity.profiles import accounts, facts, order_table
from identity.profiles.accounts import Account
from identity.profiles.facts import Owner
from identity.profiles.models import ContactCount, Trait, Visit
from identity.profiles.orders import Order, combine
from identity.profiles.types import Facts
from identity.sql import Rows, any_of, fetch
from identity.touchpoints.models import Source
from identity.touchpoints.types import Identifier

SHOWN = 20  # of orders and visits, the newest
LISTED = 200  # of identifiers, the strongest; of equally strong ones those that came last


class Member(NamedTuple):
    """An identifier of the profile. `value` is None for personal data; `key` ("namespace:value") then holds its HMAC."""

    key: str
    namespace: str
    kind: str
    value: str | None
    first_at: Instant | None
    last_at: Instant | None


class TraitValue(NamedTuple):
    """The newest value of a trait; `source`: the name of who said it."""

    name: str
    value: Any
    at: Instant
    source: str


class ClearField(NamedTuple):
    """Personal data that the vault holds; `vault.reveal` opens it."""

    identifier: str
    field: str
    at: Instant


class Contacts(NamedTuple):
    """How often the person met the brand in one way."""

    direction: str
    channel: str
    message_class: str
    event: str
    times: int
    first_at: Instant
    last_at: Instant


class Span(NamedTuple):
    """A visit, from its first to its last touchpoint."""

    started_at: Instant
    ended_at: Instant
    touchpoints: int


class Word(NamedTuple):
    """What the person said last about a purpose on a channel."""

    purpose: str
    channel: str
    granted: bool
    at: Instant
    said_by: str


class Bar(NamedTuple):
    """A channel that must not be used for one identifier of the profile."""

    identifier: str
    channel: str
    reason: str
    since: Instant
    said_by: str


@dataclass(frozen=True, slots=True)
class Portrait:
    """One profile, summed over its owner identifiers. `visits` counts all; the lists hold the newest.

    `members` are all, however many; `listed` those of them that a list shows.
    """

    facts: Facts
    members: Sequence[Member]
    listed: Sequence[Member]
    traits: Sequence[TraitValue]
    clear: Sequence[ClearField]
    contacts: Sequence[Contacts]
    visits: int
    latest_visits: Sequence[Span]
    account: Account
    latest_orders: Sequence[tuple[str, Order]]
    consent: Sequence[Word]
    bars: Sequence[Bar]


def of(profile: int) -> Portrait | None:
    """Return the portrait of a profile, by row id; None when it has no identifiers any more."""
    owners = facts.owners_of([profile]).get(profile)
    if not owners:
        return None
    ids = [owner.id for owner in owners]
    keys = [owner.key for owner in owners]
    visits = Visit.objects.filter(owner__in=any_of("bigint", ids))
    policy = policies.current()
    return Portrait(
        facts=facts.of([profile])[profile],
        members=[member(owner, policy) for owner in owners],
        listed=[member(owner, policy) for owner in _listed(owners)],
        traits=traits(ids),
        clear=[ClearField(*row) for row in vault.fields(keys)],
        contacts=contacts(ids),
        visits=visits.count(),
        latest_visits=[
            Span(from_datetime(one.started_at), from_datetime(one.ended_at), one.touchpoints)
            for one in visits.order_by("-started_at")[:SHOWN]
        ],
        account=accounts.of_owners(dict.fromkeys(ids, profile)).get(profile, Account()),
        latest_orders=latest_orders(ids),
        consent=consent(keys),
        bars=bars(keys),
    )


def _listed(owners: Sequence[Owner]) -> Sequence[Owner]:
    """Return those that stand for all in a list, in the order of all."""
    if len(owners) <= LISTED:
        return owners
    chosen = nsmallest(LISTED, owners, key=lambda one: (*facts.rank(one)[:3], -one.first_number))
    return sorted(chosen, key=facts.rank)


def member(owner: Owner, policy: Policy) -> Member:
    """Return an identifier as it may be shown."""
    namespace = policy.find(owner.namespace)
    personal = owner.known_at is not None or namespace is None or namespace.pii
    value = None if personal else Identifier.of(owner.key).value
    return Member(owner.key, owner.namespace, owner.kind, value, owner.first_at, owner.last_at)


def traits(owners: Collection[int]) -> list[TraitValue]:
    """Return the newest value of each trait, by name."""
    newest: dict[str, Trait] = {}
    rows = Trait.objects.filter(owner__in=any_of("bigint", owners))
    for row in rows.order_by("at", "received_at", "touchpoint"):
        newest[row.name] = row
    names = source_names(row.source for row in newest.values())
    return [
        TraitValue(
            name,
            msgspec.json.decode(row.value),
            from_datetime(row.at),
            names.get(row.source, str(row.source)),
        )
        for name, row in sorted(newest.items())
        if row.value != "null"
    ]


def source_names(sources: Iterable[int]) -> dict[int, str]:
    """Return the names of sources, by row id."""
    return dict(Source.objects.filter(pk__in=set(sources)).values_list("pk", "name"))


def contacts(owners: Collection[int]) -> list[Contacts]:
    """Return the counters summed over these owners, the most frequent first."""
    summed: dict[tuple[str, str, str, str], list[int]] = {}
    for row in ContactCount.objects.filter(owner__in=any_of("bigint", owners)):
        way = (row.direction, row.channel, row.message_class, row.event)
        first, last = from_datetime(row.first_at), from_datetime(row.last_at)
        known = summed.setdefault(way, [0, first, last])
        summed[way] = [known[0] + row.count, min(known[1], first), max(known[2], last)]
    rows = [Contacts(*way, *counted) for way, counted in summed.items()]
    return sorted(rows, key=lambda row: (-row.times, row[:4]))


def latest_orders(owners: Collection[int]) -> list[tuple[str, Order]]:
    """Return the newest orders as (order id, order); one that several owners share once."""
    mine = Rows("owners", owner="bigint")
    found = (
        f"SELECT o.order_id, {order_table.names('o')} FROM {mine}"
        " JOIN identity_order AS o ON o.owner_id = owners.owner"
    )
    ids = mine.of((owner,) for owner in owners)
    alone = fetch(
        f"{found} WHERE NOT o.shared AND o.placed_at IS NOT NULL"
        " ORDER BY o.placed_at DESC, o.order_id LIMIT %s",
        [*ids, SHOWN],
    )
    rows = [*alone, *fetch(f"{found} WHERE o.shared", ids)]
    parts: dict[str, list[Order]] = defaultdict(list)
    for order_id, *columns in rows:
        parts[order_id].append(order_table.order(columns))
    orders = [(order_id, combine(listed)) for order_id, listed in parts.items()]
    placed = [one for one in orders if one[1].placed_at is not None]
    return sorted(placed, key=lambda one: (-(one[1].placed_at or 0), one[0]))[:SHOWN]


def consent(keys: Collection[str]) -> list[Word]:
    """Return the word in force on each purpose and channel."""
    newest = {
        (row.purpose, row.channel): ((row.at, row.received_at, row.touchpoint), row)
        for row in Consent.objects.filter(identifier__in=any_of("text", keys)).order_by(
            "at", "received_at", "touchpoint"
        )
    }
    return [
        Word(*place, row.granted, from_datetime(row.at), row.said_by)
        for place, row in sorted(facts.in_force(newest).items())
    ]


def bars(keys: Collection[str]) -> list[Bar]:
    """Return what is closed at present."""
    rows = Suppression.objects.filter(identifier__in=any_of("text", keys), active=True).order_by(
        "-at"
    )
    return [
        Bar(row.identifier, row.channel, row.reason, from_datetime(row.at), row.said_by)
        for row in rows
    ]
