"""The page of a profile: found by what is posted, masked until somebody says why, with tables of higher floors."""

import pytest
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse

from identity.clock import MINUTE
from identity.privacy.models import VaultAccess
from identity.profiles.admin import ProfileAdmin
from identity.profiles.models import Identifier, Profile
from identity.profiles.sections import Section
from identity.touchpoints import sources
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import Direction
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import mail, take
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")

ADDRESS = "alice@shop.example"
FIND = "/admin/identity/profile/find/"
NO_IDS = ["²", "٣", "9" * 20, "9" * 5_000]  # digits, but no row's


@pytest.fixture
def alice() -> Profile:
    key, pii = mail(ADDRESS)
    source = sources.create("Shop", "site", T0, actor="tests").pk
    whose = ("user_id:alice", "anonymous_id:c-1", key)
    take(
        touchpoint(1, of=("anonymous_id:c-1",), source=source),
        touchpoint(
            2,
            "identify",
            of=whose,
            at=MINUTE,
            source=source,
            pii=pii,
            pii_fields={"first_name": "Alice"},
            traits={"plan": "<b>gold</b>"},
            context={"consent": {"categoryPreferences": {"news": True}}},
        ),
        touchpoint(
            3,
            "Order Completed",
            at=2 * MINUTE,
            source=source,
            direction=Direction.INBOUND,
            properties={"order_id": "A-7", "revenue": 1234.5, "currency": "EUR"},
        ),
        touchpoint(
            4, "Email Marked as Spam", of=whose, at=3 * MINUTE, source=source, channel="email"
        ),
    )
    return Profile.objects.get(identifiers__key="user_id:alice")


def page(profile: Profile) -> str:
    return reverse("admin:identity_profile_change", args=[profile.pk])


def read(client: Client, profile: Profile, more: str = "") -> str:
    answer = client.get(page(profile) + more)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.content.decode()


def test_the_public_id_leads_to_the_page(sign_in: SignIn, alice: Profile) -> None:
    """Whoever knows a profile from the API can link to it; an id that never was leads to the list."""
    viewer = sign_in("viewer")
    answer = viewer.get(f"/admin/identity/profile/{alice.uid}/change/")
    assert answer.status_code == 200
    assert "user_id:alice" in answer.content.decode()
    nobody = viewer.get("/admin/identity/profile/no-such-profile/change/")
    assert nobody.status_code == 302


def test_one_page_shows_all_and_masks_what_is_personal(sign_in: SignIn, alice: Profile) -> None:
    shown = read(sign_in("viewer"), alice)
    for word in ("user_id:alice", "anonymous_id:c-1", "&lt;b&gt;gold", "1,234.50 EUR", "A-7"):
        assert word in shown
    for word in ("Shop", "news", "complained", "Order Completed", "email: "):
        assert word in shown
    assert ADDRESS not in shown
    assert "Alice" not in shown.replace("alice", "")
    assert mail(ADDRESS)[0] not in shown


@pytest.mark.parametrize(
    ("namespace", "value"),
    [("user_id", "alice"), ("email", " Alice@Shop.example"), ("anonymous_id", "c-1")],
)
def test_a_profile_is_found_by_an_identifier(
    sign_in: SignIn, alice: Profile, namespace: str, value: str
) -> None:
    answer = sign_in("viewer").post(FIND, {"namespace": namespace, "value": value})
    assert answer.headers["Location"] == page(alice)


def test_a_profile_is_found_by_its_id_and_what_is_not_found_is_said(
    sign_in: SignIn, alice: Profile
) -> None:
    client = sign_in("viewer")
    found = client.post(FIND, {"namespace": "id", "value": str(alice.uid)})
    assert found.headers["Location"] == page(alice)
    missed = client.post(FIND, {"namespace": "email", "value": "bob@shop.example"}, follow=True)
    assert "no profile has this identifier" in missed.content.decode()
    assert "bob@shop.example" not in missed.content.decode()


def test_the_list_leads_to_the_page(sign_in: SignIn, alice: Profile) -> None:
    shown = sign_in("viewer").get(reverse("admin:identity_profile_changelist")).content.decode()
    assert page(alice) in shown
    assert mail(ADDRESS)[0] not in shown


def test_a_merged_profile_leads_to_the_present_one(sign_in: SignIn, alice: Profile) -> None:
    take(touchpoint(5, of=("anonymous_id:late",)))
    late = Profile.objects.get(founder="anonymous_id:late")
    take(touchpoint(6, "identify", of=("user_id:alice", "anonymous_id:late")))
    answer = sign_in("viewer").get(page(late))
    assert answer.headers["Location"] == page(alice)


def test_clear_data_is_shown_to_who_may_and_says_why(sign_in: SignIn, alice: Profile) -> None:
    reveal = reverse("admin:identity_profile_reveal", args=[alice.pk])
    assert sign_in("viewer").post(reveal, {"why": "curious"}).status_code == 403
    officer = sign_in("privacy officer")
    officer.post(reveal, {"why": ""})
    assert not VaultAccess.objects.exists()
    shown = officer.post(reveal, {"why": "a request for information"}).content.decode()
    assert ADDRESS in shown
    assert "Alice" in shown
    assert VaultAccess.objects.filter(why="a request for information").count() == 2
    assert ADDRESS not in read(officer, alice)


@pytest.mark.parametrize("wish", ["allow", "refuse", "close", "open"])
def test_wishes_are_asked_of_the_lane(sign_in: SignIn, alice: Profile, wish: str) -> None:
    address = reverse("admin:identity_profile_wish", args=[alice.pk])
    assert sign_in("viewer").post(address, {"channel": "*", "wish": wish}).status_code == 403
    sign_in("privacy officer").post(address, {"channel": "email", "wish": wish})
    payload = LaneCommand.objects.get().payload
    assert payload["identifiers"][0] == "user_id:alice"
    assert payload.get("granted", payload.get("active")) is (wish in {"allow", "close"})


@pytest.fixture
def late(alice: Profile) -> Profile:
    """Let a profile be merged into alice's, as while somebody looked at its page."""
    take(touchpoint(5, of=("anonymous_id:late",)))
    found = Profile.objects.get(founder="anonymous_id:late")
    take(touchpoint(6, "identify", of=("user_id:alice", "anonymous_id:late")))
    return found


@pytest.mark.parametrize("wish", ["allow", "refuse", "close", "open"])
def test_a_wish_for_a_profile_that_was_merged_meanwhile_reaches_the_present_one(
    sign_in: SignIn, alice: Profile, late: Profile, wish: str
) -> None:
    asked = {"channel": "email", "wish": wish}
    address = reverse("admin:identity_profile_wish", args=[late.pk])
    answer = sign_in("privacy officer").post(address, asked, follow=True)
    assert "Asked of the lane" in answer.content.decode()
    assert answer.redirect_chain[-1][0] == page(alice)
    assert LaneCommand.objects.get().payload["identifiers"][0] == "user_id:alice"


def test_the_other_buttons_of_a_profile_that_was_merged_meanwhile_mean_the_present_one(
    sign_in: SignIn, alice: Profile, late: Profile
) -> None:
    officer, why = sign_in("privacy officer"), {"why": "a request for information"}
    shown = officer.post(reverse("admin:identity_profile_reveal", args=[late.pk]), why)
    assert ADDRESS in shown.content.decode()
    assert VaultAccess.objects.filter(why=why["why"]).count() == 2
    told = officer.post(reverse("admin:identity_profile_bundle", args=[late.pk]), why)
    assert told.json()["profile"] == str(alice.uid)
    asked = officer.get(reverse("admin:identity_profile_erase", args=[late.pk]))
    assert asked.context["identifiers"] == 4
    assert str(alice.uid) in asked.content.decode()


BUTTONS = {
    "wish": {"channel": "*", "wish": "close"},
    "reveal": {"why": "because"},
    "bundle": {"why": "because"},
    "erase": {"sure": "on"},
}


@pytest.mark.parametrize("button", BUTTONS)
def test_a_button_of_a_profile_of_which_nothing_is_left_says_so(
    sign_in: SignIn, alice: Profile, late: Profile, button: str
) -> None:
    Identifier.objects.filter(key="anonymous_id:late").update(forgotten=True)
    address = reverse(f"admin:identity_profile_{button}", args=[late.pk])
    answer = sign_in("privacy officer").post(address, BUTTONS[button], follow=True)
    assert "was forgotten" in answer.content.decode()
    assert not LaneCommand.objects.exists()
    assert not VaultAccess.objects.exists()


def test_higher_floors_add_their_tables(
    sign_in: SignIn, alice: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hats(_request: HttpRequest, profile: int) -> list[Section]:
        return [Section("Hats", ["hat"], [[f"bowler of {profile}"]])]

    monkeypatch.setattr(ProfileAdmin, "panels", [hats])
    assert f"bowler of {alice.pk}" in read(sign_in("viewer"), alice)


def test_older_touchpoints_are_a_page_away(sign_in: SignIn, alice: Profile) -> None:
    take(*(touchpoint(number, at=number * MINUTE) for number in range(10, 40)))
    client = sign_in("viewer")
    first = read(client, alice)
    cursor = first.split("?cursor=")[1].split('"')[0]
    assert "A-7" in read(client, alice, f"?cursor={cursor}")
    assert "Older touchpoints" in read(client, alice, "?cursor=junk")


def test_a_page_that_never_was_leads_to_the_list(sign_in: SignIn, alice: Profile) -> None:
    client = sign_in("viewer")
    for missing in ("99999", "x", *NO_IDS):
        for what in ("profile", "household"):
            answer = client.get(f"/admin/identity/{what}/{missing}/change/")
            assert answer.headers["Location"] == reverse(f"admin:identity_{what}_changelist")


@pytest.mark.parametrize("button", BUTTONS)
def test_a_button_of_a_page_that_never_was_finds_nothing(sign_in: SignIn, button: str) -> None:
    address = reverse(f"admin:identity_profile_{button}", args=[999])
    assert sign_in("privacy officer").post(address, BUTTONS[button]).status_code == 404


def test_the_page_of_a_hub_tells_its_links_and_why_they_were_refused(sign_in: SignIn) -> None:
    key, _pii = mail("desk@shop.example")
    take(*(touchpoint(n, of=(f"user_id:u{n}", key)) for n in range(1, 13)))
    answer = sign_in("viewer").get(page(Profile.objects.get(identifiers__key=key)))
    said = answer.content.decode()
    assert "user_id:u12" in said
    assert "this email has too many people around it" in said
    assert "12 identifiers of people" in said
