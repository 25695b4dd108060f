"""The page of a profile, whole: what the lane did about one person, from every floor, on one page."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from activation.audiences import services as audiences
from activation.pressure import services as pressure
from identity.clock import DAY, now
from identity.profiles.models import Profile
from identity.touchpoints import forgetting as sources
from tests.content import journey, path, template
from tests.identity.signing import SignIn
from tests.road import Road

pytestmark = pytest.mark.django_db(databases="__all__")

ADDRESS = "alice@shop.example"
SECTIONS = [
    "Identifiers", "Traits", "Orders", "Contacts", "Visits", "Consent", "Closed channels", "Households",
    "Audiences", "Audiences entered and left",
    "Journeys", "Steps in journeys",
    "Deliveries",
    "Pressure", "Pressure ledger", "Refused contacts", "Caps of one&#x27;s own",
    "Timeline",
    "Links", "Refused links", "Merges and splits",
]  # fmt: skip


@pytest.fixture
def alice(road: Road) -> Profile:
    """Let alice sign up twice: the first mail is queued, the second is one too many."""
    road.pass_time(now() - road.now)  # the page says what counted in the last days
    who: dict[str, Any] = {"actor": "tests", "now": road.now}
    gold = {"trait": "plan", "op": "eq", "value": "gold"}
    audiences.publish(audiences.create("Gold members", rule=gold, **who).pk, **who)
    once = {"limit": 1, "window": {"kind": "rolling", "seconds": 7 * DAY // 1000}}
    pressure.publish(pressure.create("One a week", once, **who).pk, **who)
    steps = path(
        ("start", {"type": "entry", "config": {"on": "touchpoint", "event": "Signed Up"}}),
        ("cap", _capping()),
        ("first", _mail(template("welcome", "Welcome"))),
        ("second", _mail(template("more", "More"))),
        ("end", {"type": "exit"}),
        message_class="marketing",
    )
    steps["edges"].append({"from": "second", "port": "capped", "to": "end"})
    journey("Welcome", steps)
    person = {"userId": "alice", "anonymousId": "browser"}
    traits = {"email": ADDRESS, "plan": "gold", "consent": {"marketing": True}}
    road.receive({**person, "type": "identify", "traits": traits})
    road.receive({**person, "event": "Signed Up", "properties": {"form": "footer"}})
    road.run()
    return Profile.objects.get(identifiers__key="user_id:alice")


def _mail(number: int) -> dict[str, object]:
    return {"type": "send", "config": {"channel": "email", "template": number}}


def _capping() -> dict[str, object]:
    config = {"channel": "display", "limit": 2, "window": "P1D", "lasts": "P700D"}
    return {"type": "capping", "config": config}


def sections(client: Client, profile: Profile) -> dict[str, str]:
    """Return the page's sections: title -> its HTML."""
    answer = client.get(reverse("admin:identity_profile_change", args=[profile.pk]))
    assert answer.status_code == 200
    parts = re.split(r"<h2[^>]*>\s*(.*?)\s*</h2>", answer.content.decode())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_an_identifier_without_times_says_where_they_are(
    sign_in: SignIn, road: Road, alice: Profile
) -> None:
    why = "seen only together with a stronger identifier"
    viewer = sign_in("viewer")
    assert why in sections(viewer, alice)["Identifiers"]
    road.receive({"type": "identify", "userId": "bob"})
    road.run()
    bob = Profile.objects.get(identifiers__key="user_id:bob")
    assert why not in sections(viewer, bob)["Identifiers"]


def test_the_page_has_everything_about_a_person(
    sign_in: SignIn, road: Road, alice: Profile
) -> None:
    page = sections(sign_in("viewer"), alice)
    assert [title for title in page if title in SECTIONS] == SECTIONS
    for title, words in {
        "Identifiers": ["user_id:alice", "anonymous_id:browser", "email: "],
        "Links": ["user_id:alice", "site"],
        "Audiences": ["Gold members", "/admin/activation/audience/"],
        "Audiences entered and left": ["entered", "Gold members"],
        "Journeys": ["Welcome", "/admin/journeys/enrolment/"],
        "Steps in journeys": ["entered by Signed Up", "first"],
        "Deliveries": ["email", "welcome v1", "marketing", "/admin/activation/delivery/"],
        "Pressure": ["last 7 days", "email: 1"],
        "Pressure ledger": ["email", "reserved", "/admin/activation/ledgerrow/"],
        "Refused contacts": ["One a week", "/admin/activation/decision/"],
        "Caps of one&#x27;s own": ["display", "24"],
        "Timeline": ["Signed Up", "footer"],
    }.items():
        for word in words:
            assert word in page[title], (title, page[title])
    assert ADDRESS not in str(page)


def test_the_history_says_what_made_each_merge_and_split(
    sign_in: SignIn, road: Road, alice: Profile
) -> None:
    crm = road.make_source("crm", "crm")
    road.receive({"event": "x", "anonymousId": "tv"})
    road.run()
    road.receive({"event": "x", "anonymousId": "tv", "userId": "alice"}, source=crm)
    road.run()
    sources.ask(crm.pk, actor="user:1", now=road.now)
    road.run()
    history = sections(sign_in("viewer"), alice)["Merges and splits"]
    assert "touchpoints" in history
    assert f"source forgotten {crm.pk}" in history


def test_who_may_not_see_a_floor_is_not_shown_it(road: Road, alice: Profile) -> None:
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="view_profile"))
    client = Client()
    client.force_login(bob)
    page = sections(client, alice)
    assert "Timeline" in page
    assert not {"Audiences", "Journeys", "Deliveries", "Pressure"} & page.keys()
