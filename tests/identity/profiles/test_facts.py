"""Facts are the sum over the owners that a profile has now."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from identity.clock import MINUTE
from identity.privacy import services
from identity.privacy.models import Consent
from identity.profiles import facts, portrait
from identity.profiles.models import Identifier as Row
from identity.profiles.models import Profile
from identity.profiles.types import Facts
from identity.touchpoints.types import Direction, Identifier
from tests.identity.profiles.people import CONTEXT, T0, fold_all, profile, touchpoint

pytestmark = pytest.mark.django_db

MAIL, OTHER = "email:" + "a" * 64, "email:" + "b" * 64


def of(one: Profile) -> Facts:
    return facts.of([one.pk])[one.pk]


def seen_with(number: int, key: str, at: int = 0, **named: Any) -> Any:
    pii = {Identifier.of(key): "alice@shop.example"}
    return touchpoint(number, "identify", of=(key,), at=at, pii=pii, **named)


def test_traits_of_all_owners_the_newest_wins_and_null_takes_away() -> None:
    alice = profile("user_id:alice", "anonymous_id:x")
    fold_all(
        touchpoint(1, "identify", at=5, traits={"plan": "gold", "size": 3, "gone": None}),
        touchpoint(2, "identify", at=9, of=["anonymous_id:x"], traits={"plan": {"a": [1]}}),
    )
    assert of(alice).traits == {"plan": {"a": [1]}, "size": 3}
    assert of(alice).uid == alice.uid
    assert of(alice).strongest == Row.objects.get(key="user_id:alice").pk


def test_a_merge_adds_up_and_a_split_gives_back() -> None:
    alice, guest = profile("user_id:alice"), profile("anonymous_id:x")
    bought: dict[str, Any] = {"properties": {"order_id": "1", "revenue": 10}}
    fold_all(
        touchpoint(1, "Order Completed", at=3, direction=Direction.INBOUND, **bought),
        touchpoint(
            2, "Order Completed", of=["anonymous_id:x"], properties={"order_id": 2, "total": "4.5"}
        ),
    )
    before = of(alice), of(guest)
    Row.objects.filter(profile=guest).update(profile=alice)
    assert (of(alice).orders, of(alice).revenue, of(alice).first_seen) == (2, {"USD": 1450}, T0)
    assert facts.of([guest.pk]) == {}
    Row.objects.filter(key="anonymous_id:x").update(profile=guest)
    assert (of(alice), of(guest)) == before


def test_an_order_that_two_owners_of_one_person_share_is_one_order() -> None:
    alice, guest = profile("user_id:alice"), profile("anonymous_id:x")
    fold_all(
        touchpoint(
            1, "Order Completed", of=["anonymous_id:x"], properties={"order_id": 1, "total": 50}
        ),
        touchpoint(2, "Order Refunded", properties={"order_id": "1", "total": 20}),
    )
    assert (of(guest).orders, of(guest).revenue) == (1, {"USD": 5000})
    assert (of(alice).orders, of(alice).revenue) == (0, {})
    Row.objects.filter(profile=guest).update(profile=alice)
    assert (of(alice).orders, of(alice).revenue) == (1, {"USD": 3000})


def test_the_address_is_the_newest_and_a_bounced_one_is_passed_over() -> None:
    alice = profile("user_id:alice", MAIL, OTHER)
    fold_all(seen_with(1, MAIL, at=9), seen_with(2, OTHER, at=5))
    rows = {row.key: row.pk for row in Row.objects.all()}
    assert of(alice).addresses["email"] == (rows[MAIL], Identifier.of(MAIL))
    bounce = {"channel": "email", "properties": {"type": "Permanent"}}
    fold_all(touchpoint(3, "Email Bounced", of=["user_id:alice", MAIL], at=20, **bounce))
    assert of(alice).addresses["email"] == (rows[OTHER], Identifier.of(OTHER))
    assert of(alice).suppressed == frozenset()
    assert "webhook" not in of(alice).addresses


def test_a_bounce_without_its_address_closes_nothing() -> None:
    alice = profile("user_id:alice", MAIL)
    fold_all(seen_with(1, MAIL))
    fold_all(touchpoint(2, "Email Bounced", of=["user_id:alice"], at=20, channel="email"))
    assert of(alice).suppressed == frozenset()
    assert "email" in of(alice).addresses


def test_where_there_are_no_addresses_a_bounce_closes_the_channel() -> None:
    alice = profile("user_id:alice", MAIL)
    fold_all(touchpoint(1, "Email Bounced", of=["user_id:alice"], at=20, channel="letter"))
    assert of(alice).suppressed == {"letter"}


def test_a_soft_bounce_changes_nothing() -> None:
    alice = profile("user_id:alice", MAIL)
    fold_all(seen_with(1, MAIL))
    fold_all(
        touchpoint(2, "Email Bounced", of=[MAIL], channel="email", properties={"type": "soft"})
    )
    assert "email" in of(alice).addresses


def test_consent_newest_wins_and_a_word_on_all_channels_ends_older_ones() -> None:
    alice = profile("user_id:alice")
    said = {"marketing": {"email": True, "sms": False}}
    fold_all(
        touchpoint(1, "identify", at=10, traits={"consent": said}),
        touchpoint(2, at=5, context={"consent": {"categoryPreferences": {"marketing": False}}}),
    )
    assert of(alice).consent == {
        ("marketing", "email"): True,
        ("marketing", "sms"): False,
        ("marketing", "*"): False,
    }
    fold_all(touchpoint(3, "Unsubscribed", at=20, channel="email"))
    assert of(alice).consent[("marketing", "email")] is False
    fold_all(
        touchpoint(4, at=30, context={"consent": {"categoryPreferences": {"marketing": True}}})
    )
    assert of(alice).consent == {("marketing", "*"): True}
    shown = portrait.consent([owner.key for owner in facts.owners_of([alice.pk])[alice.pk]])
    assert [(word.purpose, word.channel, word.granted) for word in shown] == [
        ("marketing", "*", True)
    ]


def test_a_late_consent_does_not_undo_an_unsubscribe() -> None:
    alice = profile("user_id:alice")
    fold_all(touchpoint(1, "Unsubscribed", at=20, channel="email"))
    late = {"consent": {"marketing": {"email": True}}}
    fold_all(touchpoint(2, "identify", at=19, received_at=T0 + 99, traits=late))
    assert of(alice).consent == {("marketing", "email"): False}


def test_a_word_is_not_later_than_its_receipt() -> None:
    """Alice consents by a clock that is four minutes ahead, and unsubscribes a minute later, by ours."""
    yes = {"consent": {"marketing": {"email": True}}}
    ahead = touchpoint(1, "identify", at=4 * MINUTE, received_at=T0, traits=yes)
    no = touchpoint(2, "Unsubscribed", at=MINUTE, channel="email")
    alice = profile("user_id:alice")
    for order in ([ahead, no], [no, ahead]):
        for one in order:
            fold_all(one)
        assert of(alice).consent == {("marketing", "email"): False}
        Consent.objects.all().delete()
    fold_all(no, touchpoint(3, "identify", at=2 * MINUTE, traits=yes), ahead)
    assert of(alice).consent == {("marketing", "email"): True}, "a yes that came later"


def test_a_complaint_closes_the_channel_until_somebody_lifts_it() -> None:
    alice = profile("user_id:alice", MAIL)
    fold_all(seen_with(1, MAIL), touchpoint(2, "Email Marked as Spam", channel="email", at=1))
    assert of(alice).suppressed == {"email"}
    lift = {
        "identifiers": ["user_id:alice"],
        "channel": "email",
        "active": False,
        "at": T0 + 50,
        "said_by": "user:1",
    }
    services.set_suppression(lift, CONTEXT)
    assert of(alice).suppressed == frozenset()
    fold_all(touchpoint(3, "Email Marked as Spam", channel="email", at=49, received_at=T0 + 90))
    assert of(alice).suppressed == frozenset()
    fold_all(touchpoint(4, "Email Marked as Spam", channel="email", at=51))
    assert of(alice).suppressed == {"email"}


def test_a_wish_can_come_before_its_person() -> None:
    services.set_consent(
        {
            "identifiers": [MAIL],
            "purpose": "marketing",
            "channel": "*",
            "granted": False,
            "at": T0,
            "said_by": "key:frk_1",
        },
        CONTEXT,
    )
    alice = profile("user_id:alice", MAIL)
    assert of(alice).consent == {("marketing", "*"): False}


def test_the_time_zone_is_the_traits_else_the_devices_and_only_a_real_one() -> None:
    alice = profile("user_id:alice")
    fold_all(touchpoint(1, context={"timezone": "Europe/Paris"}))
    assert of(alice).time_zone == "Europe/Paris"
    fold_all(touchpoint(2, "identify", at=1, traits={"timezone": "Mars/Olympus"}))
    assert of(alice).time_zone == ""


def test_the_number_of_statements_does_not_depend_on_the_people() -> None:
    people = [profile(f"user_id:{number}", f"anonymous_id:c{number}").pk for number in range(40)]
    counts = []
    for some in (people[:2], people):
        with CaptureQueriesContext(connection) as queries:
            assert len(facts.of(some)) == len(some)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 9


def test_profiles_come_in_the_order_of_their_rows_however_the_database_joins() -> None:
    """Enrolments and messages are stored in this order, and sent in it: the same on every kind of stores."""
    made = [profile(f"user_id:person-{number}").pk for number in range(300)]
    assert list(facts.of(made)) == sorted(made)
    assert list(facts.of(made[::-7])) == sorted(made[::-7])
