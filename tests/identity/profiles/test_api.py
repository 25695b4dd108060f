"""The REST API of profiles: by id, by identifier, timeline, identity, clear data, wishes."""

from typing import Any

import pytest
from django.test import Client

from dmp_site import apikeys
from identity.clock import MINUTE
from identity.privacy.models import AuditEntry, VaultAccess
from identity.profiles import selectors
from identity.profiles.models import Profile
from identity.touchpoints import sources
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import Direction, Identifier
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import mail, take

pytestmark = pytest.mark.django_db

ADDRESS = "alice@shop.example"
GUEST = ("anonymous_id:guest",)


@pytest.fixture
def alice() -> str:
    """Make somebody who looked around, signed in and bought; return the id of the profile."""
    key, pii = mail(ADDRESS)
    source = sources.create("Shop", "site", T0, actor="tests").pk
    order = {"order_id": 7, "revenue": 12.5, "currency": "EUR"}
    take(touchpoint(1, of=GUEST, source=source, id=uid(1)))
    take(
        touchpoint(
            2,
            "identify",
            of=("user_id:alice", *GUEST, key),
            at=MINUTE,
            source=source,
            id=uid(2),
            pii=pii,
            pii_fields={"first_name": "Alice"},
            traits={"plan": "gold"},
        ),
        touchpoint(
            3,
            "Order Completed",
            of=("user_id:alice",),
            at=2 * MINUTE,
            source=source,
            id=uid(3),
            direction=Direction.INBOUND,
            channel="site",
            properties=order,
        ),
    )
    return Profile.objects.get(identifiers__key="user_id:alice").uid


def uid(number: int) -> str:
    return f"00000000-0000-5000-8000-{number:012}"


class Api:
    """A caller with a key."""

    def __init__(self, *scopes: str) -> None:
        key = apikeys.create("tests", scopes, 1, actor="tests")[1]
        self._client = Client(headers={"Authorization": f"Bearer {key}"})

    def get(self, path: str, expect: int = 200) -> Any:
        answer = self._client.get(f"/api/v1/{path}")
        assert answer.status_code == expect, answer.content
        return answer.json()

    def post(self, path: str, body: dict[str, Any], expect: int = 200) -> Any:
        answer = self._client.post(f"/api/v1/{path}", body, "application/json")
        assert answer.status_code == expect, answer.content
        return answer.json()


def walk(api: Api, path: str, limit: int) -> list[Any]:
    """Read a list page by page."""
    rows: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api.get(f"{path}?limit={limit}&cursor={cursor}")
        assert len(page["results"]) <= limit
        rows += page["results"]
        cursor = page["next"]
    return rows


def test_a_profile_by_its_id(alice: str) -> None:
    found = Api("profiles:read").get(f"profiles/{alice}")
    assert (found["id"], found["merged_into"]) == (alice, None)
    assert found["traits"]["plan"]["value"] == "gold"
    assert found["traits"]["plan"]["source"] == "Shop"
    assert found["orders"]["revenue"] == {"EUR": "12.50"}
    assert found["orders"]["latest"][0]["order_id"] == "7"
    assert found["first_seen"] == "2023-11-14T22:13:20.000Z"
    assert found["visits"]["count"] == 2  # the cookie's, and the order's that came without one
    assert [each["namespace"] for each in found["identifiers"]] == [
        "user_id",
        "email",
        "anonymous_id",
    ]
    assert found["identifiers"][1]["value"] is None
    assert {each["field"] for each in found["personal"]} == {"value", "first_name"}
    assert ADDRESS not in str(found)
    assert "Alice" not in str(found)


def test_an_id_from_before_the_merge_answers_with_the_present_one(alice: str) -> None:
    old = Profile.objects.get(founder=GUEST[0]).uid
    found = Api("profiles:read").get(f"profiles/{old}")
    assert old != alice
    assert (found["id"], found["merged_into"]) == (alice, alice)


def test_an_id_that_never_was_is_404(alice: str) -> None:
    assert Api("*:read").get(f"profiles/{uid(9)}", 404)["code"] == "unknown_profile"


def test_a_profile_by_an_identifier(alice: str) -> None:
    api = Api("profiles:read")
    assert api.get("profiles/by/user_id/alice")["id"] == alice
    assert api.get("profiles/by/user_id/bob", 404)["code"] == "unknown_identifier"
    assert api.get("profiles/by/shoe_size/42", 400)["code"] == "unknown_namespace"


@pytest.mark.parametrize("namespace", ["email", "user_id"])
def test_personal_data_is_refused_in_an_address(alice: str, namespace: str) -> None:
    answer = Api("profiles:read").get(f"profiles/by/{namespace}/{ADDRESS}", 400)
    assert answer["code"] == "personal_in_address"
    assert ADDRESS not in answer["message"]


def test_a_lookup_by_personal_data_in_the_body(alice: str) -> None:
    asked = {"namespace": "email", "value": " ALICE@shop.example "}
    assert Api("profiles:read").post("profiles/lookup", asked)["id"] == alice


def test_the_timeline_in_pages_newest_first(alice: str) -> None:
    api = Api("profiles:read")
    first = api.get(f"profiles/{alice}/timeline?limit=2")
    rest = api.get(f"profiles/{alice}/timeline?limit=2&cursor={first['next']}")
    found = [each["event"] for each in first["results"] + rest["results"]]
    assert found == ["Order Completed", "identify", "page"]
    assert rest["next"] is None
    assert first["results"][0]["properties"]["order_id"] == 7


def test_what_a_profile_is_made_of(alice: str) -> None:
    api = Api("profiles:read")
    identifiers = walk(api, f"profiles/{alice}/identifiers", 2)
    assert [each["namespace"] for each in identifiers] == ["user_id", "email", "anonymous_id"]
    links = walk(api, f"profiles/{alice}/links", 1)
    assert {tuple(sorted(link["between"])) for link in links} >= {(GUEST[0], "user_id:alice")}
    assert len(links) == 3
    assert walk(api, f"profiles/{alice}/refused-links", 1) == []
    moves = walk(api, f"profiles/{alice}/history", 1)
    assert [move["to"] for move in moves][:1] == [alice]
    assert moves[0]["occasion"] == {"doing": "touchpoints", "number": None}


def test_clear_data_needs_its_scope_and_a_reason_and_is_logged(alice: str) -> None:
    Api("profiles:read").post(f"profiles/{alice}/reveal", {"why": "x"}, 403)
    api = Api("pii:read")
    api.post(f"profiles/{alice}/reveal", {}, 400)
    assert not VaultAccess.objects.exists()
    found = api.post(f"profiles/{alice}/reveal", {"why": "they called us"})
    assert {each["value"] for each in found} == {ADDRESS, "Alice"}
    assert set(VaultAccess.objects.values_list("why", flat=True)) == {"they called us"}


def test_wishes_are_asked_of_the_lane_without_clear_data(alice: str) -> None:
    api = Api("privacy:write")
    api.post(f"profiles/{alice}/consent", {"purpose": "marketing", "granted": False}, 202)
    api.post(f"profiles/{alice}/suppression", {"channel": " Email"}, 202)
    api.post(f"profiles/{alice}/suppression", {"channel": "email", "active": False}, 202)
    named = {"namespace": "email", "value": ADDRESS}
    api.post("consent", named | {"purpose": "news", "granted": True}, 202)
    api.post("suppressions", named, 202)
    asked = list(LaneCommand.objects.order_by("pk").values_list("payload", flat=True))
    assert asked[1]["channel"] == "email"
    assert [each["identifiers"] for each in asked[:2]] == [["user_id:alice"]] * 2
    assert len(asked[2]["identifiers"]) == 3
    assert asked[4]["identifiers"] == [mail(ADDRESS)[0]]
    assert ADDRESS not in str(asked) + str(list(AuditEntry.objects.values()))


def test_totals(alice: str) -> None:
    found = Api("profiles:read").get("profiles/totals")
    assert (found["profiles"], found["orders"], found["revenue"]) == (1, 1, {"EUR": "12.50"})
    assert found["contacts"] == 0
    assert {each["event"]: each["count"] for each in found["events"]} == {
        "Order Completed": 1,
        "page": 1,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("profiles/lookup", {"namespace": "email"}),
        ("profiles/lookup", {"namespace": "phone", "value": "12"}),
        ("consent", {"namespace": "user_id", "value": "a", "purpose": "x"}),
        ("suppressions", {"namespace": "user_id", "value": "guest"}),
        ("suppressions", {"namespace": "user_id", "value": "a", "channel": "emial"}),
    ],
)
def test_bad_bodies_are_refused(path: str, body: dict[str, Any]) -> None:
    answer = Api("*").post(path, body, 400)
    assert answer["code"]
    assert answer["message"]


def test_the_refused_links_of_a_hub_are_those_seen_last() -> None:
    key, _pii = mail("desk@shop.example")
    take(*(touchpoint(n, of=(f"user_id:u{n}", key), at=n) for n in range(1, 61)))
    hub = selectors.by_identifier(Identifier.of(key)).uid
    found = walk(Api("profiles:read"), f"profiles/{hub}/refused-links", 20)
    assert {each["reason"] for each in found} == {"hub:email"}
    ends = {end for each in found for end in each["between"]}
    assert ends == {key, *(f"user_id:u{n}" for n in range(11, 61))}
