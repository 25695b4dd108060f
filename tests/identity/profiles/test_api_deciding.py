"""REST: what people decide about who is who, and why two are one person or are not."""

from typing import Any

import pytest

from identity import graph
from identity.privacy.models import AuditEntry
from identity.profiles import decisions
from identity.profiles.models import Decision, Identifier
from identity.touchpoints.models import LaneCommand
from tests.identity.profiles.people import T0, touchpoint
from tests.identity.profiles.road import EPOCH, mail, take
from tests.identity.profiles.test_api import Api, walk

pytestmark = pytest.mark.django_db

ADDRESS = "alice@shop.example"
ALICE = {"namespace": "user_id", "value": "alice"}
GUEST = {"key": "anonymous_id:visitor"}


@pytest.fixture
def key() -> str:
    """Let Alice sign in with her address, and a guest look around; return the key of the address."""
    made, _pii = mail(ADDRESS)
    take(touchpoint(1, of=("user_id:alice", made)), touchpoint(2, of=("anonymous_id:visitor",)))
    return made


@pytest.mark.parametrize("verdict", ["unlink", "never-link", "always-link"])
def test_a_decision_is_asked_of_the_lane(key: str, verdict: str) -> None:
    wish = {"a": ALICE, "b": GUEST, "why": "they called us"}
    Api("*:read").post(f"identity/{verdict}", wish, 403)
    answer = Api("profiles:write").post(f"identity/{verdict}", wish, 202)
    row = Decision.objects.get(pk=answer["decision"])
    assert row.verdict == verdict.replace("-", "_")
    assert (row.a, row.b, row.why) == ("anonymous_id:visitor", "user_id:alice", "they called us")
    command = LaneCommand.objects.get(pk=answer["command"])
    assert (command.kind, command.payload) == ("profiles.decide", {"decision": row.pk})
    entry = AuditEntry.objects.get(action=f"identity.{row.verdict}")
    assert entry.object == f"identity.decision:{row.pk}"


def test_an_identifier_is_named_in_the_clear_or_by_its_key_and_stored_as_its_hash(
    key: str,
) -> None:
    api = Api("profiles:write")
    clear = {"namespace": "email", "value": " ALICE@shop.example "}
    api.post("identity/never-link", {"a": clear, "b": GUEST}, 202)
    api.post("identity/unlink", {"a": {"key": key}, "b": GUEST}, 202)
    assert set(Decision.objects.values_list("b", flat=True)) == {key}
    stored = [list(model.objects.values()) for model in (Decision, LaneCommand, AuditEntry)]
    assert ADDRESS not in str(stored)


def test_decisions_in_pages_the_newest_first_and_what_became_of_them(key: str) -> None:
    api = Api("*")
    for verdict in ("unlink", "never-link", "always-link"):
        api.post(f"identity/{verdict}", {"a": ALICE, "b": GUEST}, 202)
    assert [each["state"] for each in walk(api, "identity/decisions", 2)] == ["waiting"] * 3
    carry_out()
    found = walk(api, "identity/decisions", 1)
    assert [(each["decision"], each["state"], each["overruled"]) for each in found] == [
        ("always_link", "standing", ""),
        ("never_link", "standing", "always_link"),
        ("unlink", "standing", ""),
    ]
    assert found[0]["between"] == ["anonymous_id:visitor", "user_id:alice"]
    undone = api.post(f"identity/decisions/{found[0]['id']}/undo", {}, 202)
    assert LaneCommand.objects.get(pk=undone["command"]).kind == "profiles.undo"
    assert api.get("identity/decisions?state=undone")["results"] == []


def carry_out() -> None:
    """Do what the lane would, for these two."""
    Decision.objects.update(applied_at=T0)
    rows = list(Decision.objects.order_by("pk"))
    pair = decisions.value(rows[0]).a, decisions.value(rows[0]).b
    graph.store().decide({pair: [decisions.value(row) for row in rows]}, epoch=EPOCH)


def test_why_two_are_one_person(key: str) -> None:
    api = Api("profiles:read")
    found = api.post("identity/explain", {"a": ALICE, "b": {"key": key}})
    assert found["together"]
    [step] = found["chain"]
    assert sorted(step["between"]) == sorted(["user_id:alice", key])
    assert (step["refused"], step["decision"], len(step["evidence"])) == ("", None, 1)
    assert api.post("identity/explain", {"a": ALICE, "b": GUEST}) == {
        "together": False,
        "chain": [],
    }


def test_that_somebody_asked_why_is_written_down_without_a_value(key: str) -> None:
    body = {"a": {"namespace": "email", "value": ADDRESS}, "b": {"key": "user_id:unseen"}}
    Api("profiles:read").post("identity/explain", body)
    entry = AuditEntry.objects.get(action="identity.explain")
    row = Identifier.objects.get(key=key).pk
    assert (entry.object, entry.detail) == (f"identity.identifier:{row}", {"and": None})
    assert entry.actor.startswith("key:")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"a": ALICE}, 400, None),
        ({"a": ALICE, "b": {}}, 400, "no_identifier"),
        ({"a": ALICE, "b": {"key": "email:alice@shop.example"}}, 400, "unknown_key"),
        ({"a": ALICE, "b": {"key": "shoe_size:42"}}, 400, "unknown_key"),
        ({"a": ALICE, "b": {"namespace": "user_id", "value": "guest"}}, 400, "blocked"),
        ({"a": ALICE, "b": {"namespace": "user_id", "value": "bob"}}, 404, "unknown_identifier"),
        ({"a": ALICE, "b": {"namespace": "household_id", "value": "7"}}, 400, "household"),
        ({"a": ALICE, "b": ALICE}, 400, "same_identifier"),
    ],
)
def test_bad_wishes(key: str, body: dict[str, Any], status: int, code: str | None) -> None:
    answer = Api("*").post("identity/always-link", body, status)
    assert answer["code"] == code or code is None
    assert ADDRESS not in answer["message"]
    assert not Decision.objects.exists()


def test_undoing_what_never_was(key: str) -> None:
    assert Api("*").post("identity/decisions/9000000/undo", {}, 404)["code"] == "no_decision"


# --- For a human to look at ---------------------------------------------------------------------------------------------


def test_hubs_in_pages(key: str) -> None:
    people = [touchpoint(n, of=(f"loyalty_id:{n}", key)) for n in range(10, 22)]
    take(*people)
    assert walk(Api("profiles:read"), "identity/hubs", 1) == [{"identifier": key, "people": 13}]


def test_people_that_the_rules_cannot_decide(key: str) -> None:
    """Two addresses on one cookie, and no id of a person; alice has one, and her guest book has no cookie."""
    take(
        touchpoint(10, of=("anonymous_id:tablet", "phone:+331", "email:x")),
        touchpoint(11, of=("anonymous_id:tablet", "email:y")),
        touchpoint(12, of=("anonymous_id:other", "email:z")),
        touchpoint(13, of=("user_id:alice", "email:v", "anonymous_id:hers")),
        touchpoint(14, of=("email:p", "email:q")),
    )
    [found] = walk(Api("profiles:read"), "identity/undecided", 1)
    assert found["identifiers"] == ["email:x", "email:y", "phone:+331", "anonymous_id:tablet"]
    assert found["too_large"] is None


def test_a_neighbourhood_that_is_too_large(key: str, settings: Any) -> None:
    settings.CROWD_LINKS = 3
    chain = [
        touchpoint(n, of=(f"user_id:{n}", f"anonymous_id:{n // 2}", f"anonymous_id:{n // 2 + 1}"))
        for n in range(10, 14)
    ]
    take(
        touchpoint(9, of=("anonymous_id:t", "loyalty_id:x")),
        touchpoint(8, of=("anonymous_id:t", "loyalty_id:y")),
        *chain,
    )
    crowd, profile = walk(Api("profiles:read"), "identity/undecided", 1)
    assert crowd["identifiers"] == [
        "anonymous_id:5",
        "anonymous_id:6",
        "anonymous_id:7",
        *(f"user_id:{n}" for n in range(10, 14)),
    ]
    assert crowd["too_large"] == {
        "links": 10,
        "identifiers": 7,
        "since": "2023-11-14T22:13:20.000Z",
        "waiting": 0,
        "oldest": None,
    }
    assert profile["too_large"] is None


def test_forgetting_an_identifier_is_asked_of_the_lane(key: str) -> None:
    clear = {"identifier": {"namespace": "email", "value": ADDRESS}}
    Api("profiles:write").post("identity/forget", clear, 403)
    answer = Api("privacy:write").post("identity/forget", clear, 202)
    command = LaneCommand.objects.get(pk=answer["command"])
    assert (command.kind, command.payload) == ("profiles.forget", {"identifier": key})
    assert ADDRESS not in str(list(AuditEntry.objects.values()))
    nobody = {"identifier": {"key": "user_id:nobody"}}
    assert Api("*").post("identity/forget", nobody, 404)["code"] == "unknown_identifier"
