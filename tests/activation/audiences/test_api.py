"""Audiences over REST."""

from typing import Any

import pytest
from django.db.transaction import atomic

from activation.audiences.models import Audience
from dmp_site import pipeline
from identity.privacy.models import AuditEntry
from identity.touchpoints.models import LaneCommand
from tests.activation.audiences.world import World

pytestmark = pytest.mark.django_db

GOLD = {"trait": "plan", "op": "eq", "value": "gold"}


@pytest.fixture
def world() -> World:
    return World(people=3)


def make(call: Any, **more: Any) -> int:
    made = call("POST", "audiences", {"name": "Gold", "rule": GOLD, **more})
    assert made.status_code == 201, made.content
    return int(made.json()["id"])


def test_an_audience_from_draft_to_members_to_archive(call, world):
    world.batch([world.touch(0, "identify", traits={"plan": "gold"}), world.touch(1)])
    one = make(call)
    draft = call("GET", f"audiences/{one}").json()
    assert (draft["state"], draft["slug"], draft["version"], draft["size"]) == (
        "draft",
        "gold",
        None,
        0,
    )
    published = call("POST", f"audiences/{one}/publish").json()
    assert (published["state"], published["version"], published["building"]) == ("live", 1, True)
    world.build()
    built = call("GET", f"audiences/{one}").json()
    assert (built["in_force"], built["building"], built["size"]) == (1, False, 1)
    [member] = call("GET", f"audiences/{one}/members").json()["results"]
    assert (member["profile"], member["cause"]) == (str(world.homes[0].uid), "rule")
    assert call("POST", f"audiences/{one}/archive").json()["state"] == "archived"
    world.build()
    assert call("GET", f"audiences/{one}").json()["size"] == 0
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[-3:] == ["audience.create", "audience.publish", "audience.archive"]


def test_a_profile_lists_what_it_is_in(call, world):
    world.batch([world.touch(0, "identify", traits={"plan": "gold"}), world.touch(1)])
    rules = {"Gold": GOLD, "Anybody": {"not": {"trait": "plan", "op": "eq", "value": "tin"}}}
    for name, rule in rules.items():
        call("POST", f"audiences/{make(call, name=name, rule=rule)}/publish")
    world.build()
    alice, bob = (f"profiles/{home.uid}/audiences" for home in world.homes[:2])
    first = call("GET", f"{alice}?limit=1").json()
    assert [(row["name"], row["slug"], row["cause"]) for row in first["results"]] == [
        ("Gold", "gold", "rule")
    ]
    rest = call("GET", f"{alice}?limit=1&cursor={first['next']}").json()
    assert ([row["name"] for row in rest["results"]], rest["next"]) == (["Anybody"], None)
    assert [row["name"] for row in call("GET", bob).json()["results"]] == ["Anybody"]
    assert (
        call("GET", f"profiles/{'0' * 8}-0000-4000-8000-{'0' * 12}/audiences").status_code == 404
    )


def test_a_changed_rule_is_a_new_version_only_when_it_is_published(call):
    one = make(call)
    call("POST", f"audiences/{one}/publish")
    changed = call("PATCH", f"audiences/{one}", {"rule": {"not": GOLD}, "name": "Others"}).json()
    assert (changed["name"], changed["version"], changed["rule"]) == ("Others", 1, {"not": GOLD})
    assert call("POST", f"audiences/{one}/publish").json()["version"] == 2
    assert call("POST", f"audiences/{one}/publish").json()["version"] == 2
    versions = call("GET", f"audiences/{one}/versions").json()["results"]
    assert [(row["number"], row["rule"]) for row in versions] == [(2, {"not": GOLD}), (1, GOLD)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "x", "rule": {"and": [{"did": "a"}]}}, 422, "bad_rule"),
        ({"name": "x"}, 422, "bad_rule"),
        ({"name": " ", "rule": GOLD}, 400, None),
        ({"name": "!!", "rule": GOLD}, 422, "bad_slug"),
        ({"name": "x", "kind": "manual", "rule": GOLD}, 422, "manual_has_no_rule"),
        ({"name": "x", "kind": "odd"}, 422, "bad_kind"),
        ({"rule": GOLD}, 400, None),
    ],
)
def test_what_cannot_be_made_is_refused(call, body, status, code):
    answer = call("POST", "audiences", body)
    assert answer.status_code == status, answer.content
    if code:
        assert answer.json()["code"] == code
    assert Audience.objects.count() == 0


def test_the_place_in_a_bad_rule_is_named(call):
    answer = call("POST", "audiences/check", {"rule": {"and": [GOLD, {"did": "a"}]}})
    assert answer.json() == {
        "code": "bad_rule",
        "message": "rule.and[1].within_days: must be a whole number from 1 to 3650",
    }


def test_a_rule_is_said_in_words(call):
    asked = {"rule": {"or": [GOLD, {"did": "page", "within_days": 7}]}}
    answer = call("POST", "audiences/check", asked).json()
    assert answer["sentence"] == "plan is “gold” or did “page” at least once in the last 7 days"
    assert answer["rule"]["or"][1] == {"did": "page", "at_least": 1, "within_days": 7}


def test_short_names_are_unique_and_unknown_audiences_404(call):
    make(call)
    assert call("POST", "audiences", {"name": "Gold", "rule": GOLD}).json()["code"] == "slug_taken"
    for path in ("audiences/9000000", "audiences/9000000/members", "audiences/9000000/versions"):
        assert call("GET", path).status_code == 404
    assert call("POST", "audiences/9000000/publish").status_code == 404


def test_members_come_in_pages(call, world):
    world.batch([world.touch(n, "identify", traits={"plan": "gold"}) for n in range(3)])
    one = make(call)
    call("POST", f"audiences/{one}/publish")
    world.build()
    first = call("GET", f"audiences/{one}/members?limit=2").json()
    rest = call("GET", f"audiences/{one}/members?limit=2&cursor={first['next']}").json()
    assert [len(first["results"]), len(rest["results"]), rest["next"]] == [2, 1, None]


def test_people_are_put_in_by_hand_through_the_lane(call, world):
    one = _manual(call)
    world.build()
    body = {"add": [str(world.homes[1].uid)]}
    assert call("POST", f"audiences/{one}/members", body).status_code == 202
    _carry_out(world)
    [member] = call("GET", f"audiences/{one}/members").json()["results"]
    assert (member["profile"], member["cause"]) == (str(world.homes[1].uid), "hand")
    call("POST", f"audiences/{one}/members", {"remove": [str(world.homes[1].uid)]})
    _carry_out(world)
    assert call("GET", f"audiences/{one}/members").json()["results"] == []


def _manual(call: Any) -> int:
    one = int(call("POST", "audiences", {"name": "VIP", "kind": "manual"}).json()["id"])
    call("POST", f"audiences/{one}/publish")
    return one


def _carry_out(world: World) -> None:
    for command in LaneCommand.objects.filter(done_at=None).order_by("pk"):
        pipeline.execute(command.kind, command.payload, world.context, fence=atomic)
        LaneCommand.objects.filter(pk=command.pk).update(done_at=world.now)
    world.wait(1)


def test_members_of_a_rule_are_not_set_by_hand(call, world):
    one = make(call)
    answer = call("POST", f"audiences/{one}/members", {"add": [str(world.homes[0].uid)]})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_manual")
    assert call("POST", f"audiences/{one}/members", {}).json()["code"] == "nobody"


def test_lists_filter_by_state(call):
    one = make(call)
    make(call, name="Other")
    call("POST", f"audiences/{one}/publish")
    assert [row["id"] for row in call("GET", "audiences?state=live").json()["results"]] == [one]
    assert len(call("GET", "audiences").json()["results"]) == 2


def test_a_scope_is_needed(client):
    assert client.get("/api/v1/audiences").status_code == 401
