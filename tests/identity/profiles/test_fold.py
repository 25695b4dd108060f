"""Stage 3 keeps what touchpoints say; neither their sequence nor their batches show."""

import base64
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from identity.clock import MINUTE, from_datetime
from identity.privacy.models import Consent, Suppression, VaultEntry
from identity.profiles import accounts, portrait
from identity.profiles.models import ContactCount, Order, OrderTotal, Seen, Trait, Visit
from identity.touchpoints.types import Direction, Identifier, Touchpoint
from tests.identity.profiles.people import T0, fold_all, profile, touchpoint
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db

KEYS = ("user_id:alice", "email:" + "a" * 64, "anonymous_id:cookie")
TABLES = (Trait, ContactCount, Seen, Visit, Order, OrderTotal, Consent, Suppression)


def test_the_newest_value_of_a_trait_wins_and_a_late_one_does_not() -> None:
    profile("user_id:alice")
    fold_all(touchpoint(1, "identify", at=20, traits={"plan": "gold", "city": "Lyon"}))
    fold_all(touchpoint(2, "identify", at=10, traits={"plan": "free", "age": 30}))
    values = dict(Trait.objects.values_list("name", "value"))
    assert values == {"plan": '"gold"', "city": '"Lyon"', "age": "30"}
    assert Trait.objects.get(name="plan").touchpoint == "t0001"


def test_equal_times_are_decided_by_the_receipt_then_by_the_touchpoint() -> None:
    profile("user_id:alice")
    early = touchpoint(1, "identify", traits={"a": 1, "b": 1}, received_at=T0 + 5)
    late = touchpoint(2, "identify", traits={"a": 2}, received_at=T0 + 9)
    tie = touchpoint(3, "identify", traits={"b": 3}, received_at=T0 + 5)
    fold_all(tie, late, early)
    assert dict(Trait.objects.values_list("name", "value")) == {"a": "2", "b": "3"}


def test_contacts_are_counted_by_direction_channel_class_and_event() -> None:
    profile("user_id:alice")
    sent = {"direction": Direction.OUTBOUND, "channel": "email", "message_class": "promo"}
    fold_all(
        touchpoint(1, "Email Sent", at=3, **sent),
        touchpoint(2, "Email Sent", at=1, **sent),
        touchpoint(3, at=2),
        touchpoint(4, "identify"),
    )
    fold_all(touchpoint(5, "Email Sent", at=9, **sent))
    rows = ContactCount.objects.order_by("event").values_list(
        "direction", "channel", "message_class", "event", "count"
    )
    assert list(rows) == [
        ("outbound", "email", "promo", "Email Sent", 3),
        ("inbound", "site", "", "page", 1),
    ]


def test_what_the_brand_sends_does_not_make_a_person_seen_last() -> None:
    profile("user_id:alice")
    fold_all(touchpoint(1, "Ad Impression", at=-5, direction=Direction.OUTBOUND))
    assert Seen.objects.get().last_at is None
    fold_all(
        touchpoint(2, at=10), touchpoint(3, "Email Sent", at=99, direction=Direction.OUTBOUND)
    )
    row = Seen.objects.values_list("first_at", "last_at").get()
    assert [from_datetime(moment) - T0 for moment in row if moment] == [-5, 10]


def test_a_visit_ends_after_thirty_minutes_of_silence_and_belongs_to_the_cookie() -> None:
    profile(*KEYS)
    for number, minute in enumerate((0, 29, 59, 100)):
        fold_all(touchpoint(number, of=KEYS, at=minute * MINUTE))
    visits = Visit.objects.order_by("started_at").values_list("owner__key", "touchpoints")
    assert list(visits) == [(KEYS[2], 2), (KEYS[2], 1), (KEYS[2], 1)]


def test_a_late_touchpoint_joins_two_visits() -> None:
    profile("user_id:alice")
    fold_all(touchpoint(1), touchpoint(2, at=50 * MINUTE), touchpoint(3, at=200 * MINUTE))
    fold_all(touchpoint(4, at=25 * MINUTE))
    assert list(Visit.objects.order_by("started_at").values_list("touchpoints", flat=True)) == [
        3,
        1,
    ]


def test_a_visit_of_a_device_that_is_no_part_of_the_profile_is_the_devices() -> None:
    profile("user_id:alice")
    profile("anonymous_id:shared")
    fold_all(touchpoint(1, of=("user_id:alice", "anonymous_id:shared")))
    assert Visit.objects.get().owner.key == "anonymous_id:shared"


def test_an_order_is_stated_refunded_and_cancelled() -> None:
    profile("user_id:alice")
    fold_all(
        bought(1, "A", revenue=100),
        bought(2, "B", revenue="19.99", currency="EUR"),
        bought(3, "C", revenue=5),
    )
    fold_all(
        bought(4, "A", "Order Updated", at=1, revenue=90),
        bought(5, "A", "Order Refunded", total=30),
        bought(6, "B", "Order Refunded", total=500, currency="EUR"),
        bought(7, "C", "Order Cancelled"),
        bought(8, "A", revenue=90, at=2),
    )
    totals = OrderTotal.objects.order_by("currency").values_list("currency", "orders", "revenue")
    assert list(totals) == [("EUR", 1, 0), ("USD", 1, 6000)]


def totals() -> list[tuple[str, int, int]]:
    return sorted(OrderTotal.objects.values_list("currency", "orders", "revenue"))


def test_an_update_leaves_alone_what_it_does_not_name() -> None:
    profile("user_id:alice")
    fold_all(bought(1, "A", revenue=1200, currency="jpy"))
    fold_all(bought(2, "A", "Order Updated", at=1, status="shipped"))
    assert totals() == [("JPY", 1, 1200)]
    fold_all(bought(3, "A", "Order Updated", at=2, revenue=1100))
    assert totals() == [("JPY", 1, 1100)]
    fold_all(bought(4, "A", "Order Updated", at=3, currency="EUR"))
    assert totals() == [("EUR", 1, 110_000)]


def test_the_currency_is_the_specifications_only_when_nobody_names_one() -> None:
    profile("user_id:alice")
    fold_all(bought(1, "A", revenue=12))
    assert totals() == [("USD", 1, 1200)]
    fold_all(bought(2, "A", "Order Updated", at=-1, currency="EUR"))
    assert totals() == [("EUR", 1, 1200)]


def test_an_order_of_which_nobody_names_the_sum_is_an_order() -> None:
    profile("user_id:alice")
    fold_all(bought(1, "A"))
    assert totals() == [("USD", 1, 0)]


def test_a_refund_is_in_the_orders_currency_unless_it_names_one() -> None:
    alice = profile("user_id:alice")
    fold_all(
        bought(1, "A", "Order Refunded", total=200),
        bought(2, "A", revenue=1200, currency="JPY"),
        bought(3, "A", "Order Refunded", total=300, currency="JPY"),
        bought(4, "A", "Order Refunded", total="4.50", currency="EUR"),
    )
    assert totals() == [("JPY", 1, 700)]
    [(name, order)] = portrait.latest_orders([row.pk for row in alice.identifiers.all()])
    assert (name, order.net, order.foreign) == ("A", 700, {"EUR": 450})


def test_a_shared_order_is_whole_although_one_part_is_only_its_refund_or_cancellation() -> None:
    alice = profile("user_id:alice", "anonymous_id:cookie")
    owners = [row.pk for row in alice.identifiers.all()]
    fold_all(
        bought(1, "A", revenue=50, of=["anonymous_id:cookie"]),
        bought(2, "A", "Order Refunded", total=20),
        bought(3, "B", revenue=5, of=["anonymous_id:cookie"]),
        bought(4, "B", "Order Cancelled"),
    )
    shown = dict(portrait.latest_orders(owners))
    assert shown["A"].net == 3000
    assert shown["B"].cancelled
    assert accounts.of_owners(dict.fromkeys(owners, 1))[1].revenue == {"USD": 3000}


def test_a_refund_of_an_order_that_nobody_placed_is_not_shown() -> None:
    alice = profile("user_id:alice")
    fold_all(bought(1, "A", "Order Refunded", total=20))
    assert portrait.latest_orders([row.pk for row in alice.identifiers.all()]) == []


def test_sums_too_large_to_be_true_are_none_and_large_ones_add_up() -> None:
    profile("user_id:alice")
    profile("user_id:bob")
    fold_all(
        bought(1, "A", revenue="999999999999.99"),
        bought(2, "B", revenue=1e12),
        bought(3, "C", revenue=1, of=["user_id:bob"]),
    )
    assert totals() == [("USD", 1, 100), ("USD", 2, 99_999_999_999_999)]
    OrderTotal.objects.update(revenue=9 * 10**18 + 1)
    assert accounts.of_all().revenue["USD"] == 18 * 10**18 + 2


def test_a_refund_that_names_no_sum_takes_all() -> None:
    profile("user_id:alice")
    fold_all(bought(1, "A", "Order Refunded"), bought(2, "A", revenue=12))
    assert OrderTotal.objects.values_list("orders", "revenue").get() == (1, 0)


def test_an_order_without_an_id_is_an_order_of_its_own() -> None:
    profile("user_id:alice")
    fold_all(bought(1, None, revenue=1), bought(2, None, revenue=2))
    assert OrderTotal.objects.values_list("orders", "revenue").get() == (2, 300)


def test_clear_values_are_sealed_in_the_vault_alone() -> None:
    profile(*KEYS)
    email = Identifier.of(KEYS[1])
    fold_all(
        touchpoint(
            1,
            "identify",
            of=KEYS,
            pii={email: "alice@shop.example"},
            pii_fields={"first_name": "Alice"},
        )
    )
    entries = VaultEntry.objects.order_by("field").values_list("identifier", "field")
    assert list(entries) == [("user_id:alice", "first_name"), (email.key, "value")]
    for sealed in VaultEntry.objects.values_list("sealed", flat=True):
        assert b"alice" not in base64.b64decode(sealed).lower()


def test_the_number_of_statements_does_not_depend_on_the_batch() -> None:
    profile(*KEYS)
    few, many = [mixed(n, n) for n in range(8)], [mixed(n, n) for n in range(100, 300)]
    counts = []
    for batch in (few, many):
        with CaptureQueriesContext(connection) as queries:
            fold_all(*batch)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


def bought(
    number: int, order: str | None, event: str = "Order Completed", **named: Any
) -> Touchpoint:
    of, at = named.pop("of", ("user_id:alice",)), named.pop("at", 0)
    properties = named | ({} if order is None else {"order_id": order})
    return touchpoint(number, event, of=of, at=at, properties=properties)


def said(choice: int, most: int = 2_000) -> dict[str, Any]:
    """Make what an event says of a sum: one in some currency, one in no currency, a currency alone, nothing."""
    code = ["EUR", "JPY", "USD", "KWD", None, "nonsense"][choice % 6]
    named = {} if choice % 5 == 0 else {"total": choice % most + 0.55}
    return named | ({} if code is None else {"currency": code})


def mixed(number: int, choice: int) -> Touchpoint:
    """Make some touchpoint out of few possible ones, so that they meet."""
    of = [KEYS[:1], KEYS[1:], KEYS[2:], KEYS][choice % 4]
    at = (choice * 7 % 11) * 11 * MINUTE
    order = "AB"[choice % 2]
    heard = T0 + at - choice // 9 % 3 * 2 * MINUTE  # some by a clock that is ahead
    kinds = (
        lambda: touchpoint(number, of=of, at=at),
        lambda: touchpoint(number, "identify", of=of, at=at, traits={"plan": choice % 5}),
        lambda: bought(number, order, of=of, at=at, **said(choice)),
        lambda: bought(number, order, "Order Updated", of=of, at=at, **said(choice // 8)),
        lambda: bought(number, order, "Order Refunded", of=of, at=at, **said(choice // 8, 9)),
        lambda: bought(number, order, "Order Cancelled", of=of, at=at),
        lambda: touchpoint(
            number, "Unsubscribed", of=of, at=at, received_at=heard, channel="email"
        ),
        lambda: touchpoint(
            number, "Email Marked as Spam", of=of, at=at, received_at=heard, channel="email"
        ),
        lambda: touchpoint(
            number,
            "identify",
            of=of,
            at=at,
            received_at=heard,
            context={"consent": {"categoryPreferences": {"marketing": choice % 3 == 0}}},
        ),
    )
    return kinds[choice % len(kinds)]()


def snapshot() -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {
        table.__name__: sorted(
            tuple(str(value) for name, value in row.items() if name != "id")
            for row in table.objects.values()
        )
        for table in TABLES
    }
    vault = VaultEntry.objects.values_list("identifier", "field", "at", "touchpoint")
    return rows | {"vault": sorted(map(str, vault))}


class AnySequence(TestCase):
    """Any sequence and any cutting into batches gives the same rows."""

    @given(
        choices=st.lists(st.integers(0, 2_000), min_size=2, max_size=25),
        data=st.data(),
    )
    @settings(max_examples=examples(60), deadline=None)
    def test_sequence_and_batches_do_not_show(
        self, choices: list[int], data: st.DataObject
    ) -> None:
        profile(*KEYS)
        touchpoints = [mixed(number, choice) for number, choice in enumerate(choices)]
        with undone():
            fold_all(*touchpoints)
            expected = snapshot()
        rest = data.draw(st.permutations(touchpoints))
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            fold_all(*rest[:size])
            rest = rest[size:]
        assert snapshot() == expected
