"""Contacts that others made enter the ledger once; own ones are not entered again."""

import pytest

from activation.pressure import ledger
from activation.pressure.models import LedgerRow
from activation.pressure.reserve import reserve
from identity.clock import DAY, HOUR
from identity.touchpoints.types import Direction, Mode
from tests.activation.people import NOON, context, person
from tests.activation.pressure.rows import ask, publish, rolling, weights
from tests.activation.touchpoints import arrival

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    profile, owners = person("alice")
    return {"profile": profile.pk, "owner": owners[0].pk}


def impression(number: int, alice, **rest):
    known = {"direction": Direction.OUTBOUND, "channel": "display", "at": NOON - HOUR, **alice}
    return arrival(number, "Ad Impression", **{**known, **rest})


def test_a_reported_contact_is_committed_at_its_own_time_with_today_s_weight(alice):
    weights()
    ledger.report([impression(1, alice)], context())
    row = LedgerRow.objects.get()
    assert (row.origin, row.status, row.points, row.message_class) == (
        "reported",
        "committed",
        10,
        "marketing",
    )
    assert (row.effective_at.timestamp() * 1000, row.owner_id) == (NOON - HOUR, alice["owner"])


def test_it_counts_against_what_this_product_wants_to_send(alice):
    publish("all", limit=2, window=rolling(24))
    ledger.report([impression(1, alice), impression(2, alice, channel="call")], context())
    [refused] = reserve([ask("1:a:1", **alice)], context())
    assert (refused.passed, refused.earliest) == (False, NOON + 23 * HOUR)


def test_a_split_takes_what_a_browser_was_shown_along_with_the_browser():
    publish("all", limit=1, window=rolling(24))
    alice, (known, browser) = person("alice", "anonymous_id:browser")
    ledger.report([impression(1, {"profile": alice.pk, "owner": browser.pk})], context())
    me = {"profile": alice.pk, "owner": known.pk}
    assert not reserve([ask("1:a:1", **me)], context())[0].passed
    browser.profile, _ = person("bob")
    browser.save()
    assert reserve([ask("2:a:1", **me)], context())[0].passed
    other = {"profile": browser.profile_id, "owner": browser.pk}
    assert not reserve([ask("3:a:1", **other)], context())[0].passed


def test_the_same_touchpoint_is_entered_once(alice):
    ledger.report([impression(1, alice)], context())
    ledger.report([impression(1, alice), impression(2, alice)], context())
    keys = [row.key for row in LedgerRow.objects.order_by("sequence")]
    assert keys == [f"reported:{impression(n, alice).touchpoint.id}" for n in (1, 2)]


def test_receipts_of_own_deliveries_and_what_is_no_contact_are_left_out(alice):
    own = impression(1, alice, context={"filrouge": {"delivery": "1:a:1"}})
    inbound = impression(2, alice, direction=Direction.INBOUND)
    nameless = impression(3, alice, channel="")
    ledger.report([own, inbound, nameless], context())
    assert LedgerRow.objects.count() == 0


def test_history_is_entered_too(alice):
    publish("all", limit=1, window=rolling(24 * 30))
    ledger.report(
        [impression(1, alice, at=NOON - 20 * DAY, mode=Mode.HISTORY)], context(mode=Mode.HISTORY)
    )
    assert not reserve([ask("1:a:1", **alice)], context())[0].passed
