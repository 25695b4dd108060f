"""The demo's audiences, policies, mails and journeys, on the whole road with a clock that the test holds."""

from collections import Counter

import pytest
from django.apps import apps

from activation.audiences.models import Audience, Membership
from activation.deliveries.models import Delivery, Template
from activation.pressure.models import PersonCap, Policy
from dmp_site.demo import content, keys
from identity.clock import MINUTE, SECOND
from identity.privacy.models import AuditEntry
from identity.touchpoints import sources
from identity.touchpoints.types import Mode
from journeys.enrolments import selectors
from journeys.enrolments.models import Enrolment
from journeys.publishing.models import Journey
from tests.road import Road

pytestmark = pytest.mark.django_db

ALICE = {"userId": "alice", "anonymousId": "a-1"}
OFFERS = {"consent": {"marketing": {"email": True}}}


@pytest.fixture
def market(road: Road) -> Road:
    content.make(road.now)
    road.run()
    return road


def sign_up(road: Road, **traits) -> None:
    road.receive(
        {**ALICE, "type": "identify", "traits": {"email": "alice@example.org", **traits}},
        {**ALICE, "event": content.SIGNED_UP},
    )
    road.run()


def mails() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("template__name", flat=True))


def hero(road: Road) -> object:
    slot = selectors.slots("anonymous_id:a-1", road.now, [content.SLOT]).get(content.SLOT)
    return None if slot is None else bytes(slot).decode()


def open_welcome(road: Road, kind: str) -> None:
    key = Delivery.objects.get(template__name="welcome").key
    about = {"identifiers": ["user_id:alice"], "delivery": key}
    road.receive(
        {
            "event": "Email Opened",
            "properties": {"channel": "email", "open_kind": kind},
            "context": {"filrouge": about},
        },
        source=sources.internal(road.now),
    )
    road.run()


def rows() -> Counter[str]:
    models = (Audience, Policy, Template, Journey, AuditEntry)
    return Counter({model.__name__: model.objects.count() for model in models})


def test_a_second_start_makes_nothing_twice(market: Road):
    before = rows()
    assert before["Audience"] == len(content.AUDIENCES)
    assert before["Journey"] == 2
    content.make(market.now + MINUTE)
    assert rows() == before


def test_everything_is_live_and_in_the_audit_log(market: Road):
    for model in (Audience, Policy, Journey):
        assert set(model.objects.values_list("state", flat=True)) == {"live"}
    actors = AuditEntry.objects.filter(action__endswith=".publish").values_list("actor", flat=True)
    assert Counter(actors) == {keys.ACTOR: len(content.AUDIENCES) + len(content.POLICIES) + 2}


def test_who_does_not_open_the_welcome_gets_the_other_slot_and_a_reminder(market: Road):
    sign_up(market, **OFFERS)
    assert mails() == ["welcome"]
    assert hero(market) is None
    market.pass_time(2 * MINUTE - SECOND)
    assert mails() == ["welcome"]
    market.pass_time(SECOND)
    assert mails() == ["welcome", "reminder"]
    assert "The bread is warm" in str(hero(market))
    assert not PersonCap.objects.exists()


def test_who_opens_it_sees_fewer_ads_another_slot_and_gets_the_next_mail(market: Road):
    sign_up(market, **OFFERS)
    open_welcome(market, "machine_suspected")
    assert mails() == ["welcome"]
    open_welcome(market, "human")
    assert mails() == ["welcome", "thanks"]
    assert "Fresh fruit, just for you" in str(hero(market))
    assert PersonCap.objects.values_list("channel", "limit").get() == ("display", 1)


def test_who_wants_no_offers_is_written_none(market: Road):
    sign_up(market)
    assert mails() == []
    assert "Good to have you here" in str(hero(market))


def test_every_order_is_confirmed_and_counts_for_the_audience(market: Road):
    sign_up(market)
    for order in ("1", "2"):
        market.receive(
            {
                **ALICE,
                "event": content.BOUGHT,
                "properties": {"order_id": order, "total": 10, "currency": "USD"},
            }
        )
        market.run()
    assert mails() == ["order", "order"]
    assert "Your order is on its way" in str(hero(market))
    market.pass_time(MINUTE)
    assert "Good to have you here" in str(hero(market))
    inside = Membership.objects.values_list("audience__slug", flat=True)
    assert list(inside) == ["recent-buyers"]


@pytest.mark.parametrize(
    "looks", [["Product List Viewed"], ["Product Viewed", "Product Viewed"]], ids=["aisle", "two"]
)
def test_who_looks_at_fruit_likes_it(market: Road, looks: list[str]):
    for event in looks:
        assert not Membership.objects.exists()
        market.receive({**ALICE, "event": event, "properties": {"category": "Fruit"}})
        market.run()
    assert Membership.objects.get().audience.slug == "fruit-and-vegetables"


def test_history_starts_no_journey_and_sends_nothing(market: Road):
    """Even with the content in force before, and with times that would be fresh enough."""
    market.receive(
        {**ALICE, "type": "identify", "traits": {"email": "alice@example.org", **OFFERS}},
        {**ALICE, "event": content.SIGNED_UP},
        {
            **ALICE,
            "event": content.BOUGHT,
            "properties": {"order_id": "1", "total": 10, "currency": "USD"},
        },
        mode=Mode.HISTORY,
    )
    market.run()
    market.pass_time(10 * MINUTE)
    assert Membership.objects.get().audience.slug == "recent-buyers"
    assert not Enrolment.objects.exists()
    for name in ("Delivery", "LedgerRow", "Intent"):
        assert not apps.get_model("activation", name).objects.exists()


def test_the_shops_keys_are_in_the_audit_log(road: Road):
    keys.make(road.now)
    made = AuditEntry.objects.filter(actor=keys.ACTOR).values_list("action", flat=True)
    assert {"source.add", "writekey.add", "apikey.add"} <= set(made)
