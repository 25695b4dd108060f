"""Households: who belongs to each, what its people come to together, and that no address names one by personal data."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dmp_site import apikeys
from identity import holdings as identity
from identity.clock import HOUR
from identity.privacy.models import VaultEntry
from identity.profiles import selectors as profiles
from identity.profiles.households import selectors
from identity.profiles.models import Household, HouseholdTie
from identity.profiles.models import Identifier as Row
from identity.touchpoints import naming
from identity.touchpoints.types import Direction, Identifier, Touchpoint
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import take
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")

HOUSE, OTHER = "household_id:7", "household_id:8"
ALICE, BOB, COOKIE = "user_id:alice", "user_id:bob", "anonymous_id:c"


def seen(number: int, *keys: str, at: int = 0, **more: Any) -> Touchpoint:
    return touchpoint(number, of=keys, at=at or number * HOUR, **more)


def bought(number: int, key: str, order: str, total: float, **more: Any) -> Touchpoint:
    properties = {"order_id": order, "total": total, "currency": "EUR"}
    return seen(number, key, event="Order Completed", properties=properties, **more)


def home(key: str = HOUSE) -> selectors.Summary:
    [found] = selectors.summaries([selectors.by_identifier(Identifier.of(key))])
    return found


def residents(key: str = HOUSE) -> set[str]:
    row = selectors.by_identifier(Identifier.of(key)).pk
    uids = {one.uid for one in selectors.residents(row, limit=100)}
    return {str(profiles.members(profiles.find(uid).profile.pk)[0]) for uid in uids}


def places(key: str) -> list[str]:
    profile = profiles.by_identifier(Identifier.of(key))
    return [one.home.key for one in selectors.places(profile.pk)]


def test_a_household_has_the_people_that_a_source_put_in_it():
    take(seen(1, ALICE, COOKIE, HOUSE), seen(2, BOB, HOUSE), seen(3, BOB, OTHER), seen(4, HOUSE))
    assert residents() == {ALICE, BOB}
    assert residents(OTHER) == {BOB}
    assert places(BOB) == [OTHER, HOUSE]
    assert places(COOKIE) == [HOUSE]
    assert (home().home.profiles, home(OTHER).home.profiles) == (2, 1)


def test_ties_add_up_per_source_whatever_their_sequence():
    take(seen(1, ALICE, HOUSE, at=5 * HOUR), seen(2, ALICE, HOUSE, at=2 * HOUR))
    take(seen(3, ALICE, HOUSE, at=3 * HOUR), seen(4, ALICE, HOUSE, at=9 * HOUR, source=2))
    rows = HouseholdTie.objects.order_by("source").values_list("source", "count")
    assert list(rows) == [(1, 3), (2, 1)]
    profile = profiles.by_identifier(Identifier.of(ALICE))
    [place] = selectors.places(profile.pk)
    assert (place.first_at, place.last_at, place.times) == (T0 + 2 * HOUR, T0 + 9 * HOUR, 4)


def test_people_follow_their_owners_through_a_merge_and_a_split():
    take(seen(1, "email:m", HOUSE), seen(2, COOKIE, HOUSE))
    assert home().home.profiles == 2
    take(seen(3, "email:m", COOKIE))
    assert home().home.profiles == 1
    take(seen(4, ALICE, COOKIE), seen(5, BOB, "email:m"), seen(6, ALICE, COOKIE))
    assert home().home.profiles == 2
    assert residents() == {ALICE, BOB}


def test_a_household_sums_up_its_people():
    sent: dict[str, Any] = {
        "event": "Email Sent",
        "direction": Direction.OUTBOUND,
        "channel": "email",
    }
    take(
        seen(1, ALICE, COOKIE, HOUSE),
        seen(2, BOB, HOUSE),
        bought(3, ALICE, "a", 10),
        bought(4, COOKIE, "b", 2.5),
        bought(5, BOB, "c", 5),
        bought(6, "user_id:stranger", "d", 99),
        seen(7, BOB, **sent),
        seen(8, COOKIE, **sent),
        seen(9, BOB, event="Email Opened", direction=Direction.INBOUND, channel="email"),
    )
    found = home()
    assert (found.account.orders, dict(found.account.revenue), found.contacts) == (
        *(3, {"EUR": 1_750}, 2),
    )


def test_an_order_that_two_of_a_household_share_counts_once():
    take(seen(1, ALICE, HOUSE), seen(2, COOKIE, HOUSE))
    take(bought(3, ALICE, "same", 10), bought(4, COOKIE, "same", 10, at=HOUR))
    assert (home().account.orders, dict(home().account.revenue)) == (1, {"EUR": 1_000})


def test_a_household_goes_with_the_last_of_its_people():
    named = naming.identifier("household_id", "the-martins@shop.example")
    pii = {named: "the-martins@shop.example"}
    take(seen(1, ALICE, HOUSE), seen(2, ALICE, named.key, pii=pii), seen(3, BOB, HOUSE))
    profile = profiles.by_identifier(Identifier.of(ALICE))
    identity.erase(identity.subject([ALICE], [profile.uid]), 100)
    assert list(Household.objects.values_list("key", flat=True)) == [HOUSE]
    assert residents() == {BOB}
    assert not VaultEntry.objects.filter(identifier=named.key).exists()


def test_many_households_cost_as_many_statements_as_one():
    take(*(seen(n, f"user_id:{n // 2}", f"household_id:{n // 3}") for n in range(1, 60)))

    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(selectors.summaries(Household.objects.all()[:count])) == count
        return len(captured)

    assert statements(2) == statements(19) <= 8


def test_a_fold_takes_as_many_statements_for_many_as_for_one():
    def statements(first: int, count: int) -> int:
        batch = [
            seen(first + n, f"user_id:{first + n}", f"household_id:{first + n}")
            for n in range(count)
        ]
        with CaptureQueriesContext(connection) as captured:
            take(*batch)
        return len(captured)

    take(seen(1, ALICE, HOUSE))
    assert statements(2, 2) == statements(10, 50)


# --- REST ---


@pytest.fixture
def api() -> Client:
    _, clear = apikeys.create("reader", ["profiles:read"], T0, actor="tests")
    return Client(headers={"Authorization": f"Bearer {clear}"})


def test_the_api_of_households(api: Client):
    take(seen(1, ALICE, HOUSE), seen(2, BOB, HOUSE), bought(3, BOB, "c", 5), seen(4, BOB, OTHER))
    newest, older = api.get("/api/v1/households").json()["results"]
    assert (newest["value"], newest["profiles"], older["value"]) == ("8", 1, "7")
    assert (older["profiles"], older["orders"], older["revenue"], older["contacts"]) == (
        *(2, 1, {"EUR": "5.00"}, 0),
    )
    assert api.get(f"/api/v1/households/{older['id']}").json() == older
    asked = {"namespace": "household_id", "value": "7"}
    found = api.post("/api/v1/households/lookup", asked, content_type="application/json")
    assert found.json() == older
    first = api.get(f"/api/v1/households/{older['id']}/profiles?limit=1").json()
    rest = api.get(f"/api/v1/households/{older['id']}/profiles?cursor={first['next']}").json()
    uids = {one["id"] for one in (*first["results"], *rest["results"])}
    assert uids == {profiles.by_identifier(Identifier.of(key)).uid for key in (ALICE, BOB)}
    bob = profiles.by_identifier(Identifier.of(BOB)).uid
    mine = api.get(f"/api/v1/profiles/{bob}/households").json()["results"]
    assert [(one["value"], one["profiles"]) for one in mine] == [("8", 1), ("7", 2)]


def test_what_is_no_household_is_not_found(api: Client):
    nobody = "00000000-0000-0000-0000-000000000000"
    assert api.get(f"/api/v1/households/{nobody}").json()["code"] == "unknown_household"
    asked = {"namespace": "household_id", "value": "9"}
    found = api.post("/api/v1/households/lookup", asked, content_type="application/json")
    assert found.status_code == 404


def test_a_household_named_by_personal_data_is_masked_and_found_by_a_post(
    api: Client, sign_in: SignIn
):
    address = "the-martins@shop.example"
    named = naming.identifier("household_id", address)
    take(seen(1, ALICE, named.key, pii={named: address}))
    [found] = api.get("/api/v1/households").json()["results"]
    assert (found["value"], found["profiles"]) == (None, 1)
    asked = {"namespace": "household_id", "value": address}
    answer = api.post("/api/v1/households/lookup", asked, content_type="application/json")
    assert answer.json() == found
    assert named.value not in found["id"]
    row, viewer = Household.objects.get().pk, sign_in("viewer")
    for page, arguments in (("changelist", []), ("change", [row])):
        shown = viewer.get(reverse(f"admin:identity_household_{page}", args=arguments))
        said = shown.content.decode()
        assert f"household_id: {named.value[:12]}…" in said
        assert address not in said
        assert named.value not in said


# --- Console ---


def test_pages_of_households(sign_in: SignIn):
    take(seen(1, ALICE, HOUSE), seen(2, BOB, HOUSE), bought(3, BOB, "c", 5))
    client = sign_in("viewer")
    row = Household.objects.get().pk
    listed = client.get(reverse("admin:identity_household_changelist")).content.decode()
    assert "household_id:7" in listed
    page = client.get(reverse("admin:identity_household_change", args=[row])).content.decode()
    bob = profiles.by_identifier(Identifier.of(BOB))
    for words in ("household_id:7", "5.00", str(bob.uid)):
        assert words in page
    person = client.get(reverse("admin:identity_profile_change", args=[bob.pk])).content.decode()
    assert reverse("admin:identity_household_change", args=[row]) in person
    gone = client.get(reverse("admin:identity_household_change", args=[9_000_000]))
    assert gone.status_code == 302


def test_a_long_name_is_cut_in_tables_and_whole_on_its_page(sign_in: SignIn):
    name = f"household_id:{'x' * 300}"
    take(seen(1, ALICE, name))
    client = sign_in("viewer")
    alice = profiles.by_identifier(Identifier.of(ALICE)).pk
    listed = client.get(reverse("admin:identity_household_changelist")).content.decode()
    person = client.get(reverse("admin:identity_profile_change", args=[alice])).content.decode()
    for page in (listed, person):
        assert f"{name[:59]}…" in page
        assert name not in page
    row = Household.objects.get().pk
    assert (
        name in client.get(reverse("admin:identity_household_change", args=[row])).content.decode()
    )


def test_a_list_of_many_households_costs_as_many_statements_as_of_one(sign_in: SignIn):
    client = sign_in("viewer")

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("admin:identity_household_changelist"))
        return len(captured)

    take(seen(1, ALICE, HOUSE))
    one = statements()
    take(*(seen(n, f"user_id:{n}", f"household_id:{n}") for n in range(10, 40)))
    assert statements() == one


def test_a_forgotten_identifier_lives_nowhere(sign_in: SignIn):
    take(seen(1, ALICE, HOUSE), seen(2, BOB, HOUSE))
    Row.objects.filter(key=BOB).update(forgotten=True)
    assert home().home.profiles == 1
    page = sign_in("viewer").get(reverse("admin:identity_household_changelist"))
    assert [one.people_now for one in page.context["cl"].result_list] == [1]


def test_the_form_of_the_profiles_finds_a_household_too(sign_in: SignIn):
    take(seen(1, ALICE, HOUSE))
    asked = {"namespace": "household_id", "value": "7", "region": ""}
    found = sign_in("viewer").post(reverse("admin:identity_profile_find"), asked)
    row = Household.objects.get().pk
    assert found.headers["Location"] == reverse("admin:identity_household_change", args=[row])
