"""The REST API of what comes in: sources, write keys, refusals, set-aside touchpoints, commands of the lane."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from dmp_site import apikeys
from identity import graph
from identity.privacy.models import AuditEntry
from identity.touchpoints import aside, commands, lane, sources
from identity.touchpoints.decode import decode
from identity.touchpoints.models import LaneCommand, Refusal, SetAside, Source, WriteKey
from identity.touchpoints.types import InboxRow, Mode
from tests.identity.touchpoints.events import row

pytestmark = pytest.mark.django_db

NOW = 1_700_000_000_000
Call = Callable[..., Any]


def caller(*scopes: str) -> Call:
    key = apikeys.create("tests", scopes, 1, actor="tests")[1]
    client = Client(headers={"Authorization": f"Bearer {key}"})

    def call(method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        answer = client.generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else json.dumps(body).encode(),
            "application/json",
        )
        assert answer.status_code == expect, answer.content
        return answer.json() if answer.content else None

    return call


@pytest.fixture
def call() -> Call:
    return caller("sources:read", "sources:write", "commands:read")


def audited() -> list[str]:
    entries = AuditEntry.objects.filter(actor__startswith="key:").order_by("pk")
    return list(entries.values_list("action", flat=True))


def test_a_source_is_made_read_changed_and_switched_off(call: Call) -> None:
    asked = {"name": "Shop", "kind": "app", "region": "fr", "group_is_household": True}
    made = call("POST", "sources", asked, 201)
    assert made.items() >= {**asked, "region": "FR", "enabled": True}.items()
    uuid = Source.objects.get().uuid
    changed = call("PATCH", f"sources/{made['id']}", {"enabled": False})
    assert changed == {**made, "enabled": False} == call("GET", f"sources/{made['id']}")
    assert call("GET", "sources")["results"] == [changed]
    assert Source.objects.get().uuid == uuid
    assert audited() == ["source.add", "source.change"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"name": ""}, 400), ({"name": "x", "kind": "internal"}, 400), ({"name": "x", "region": "ZZ"}, 422)],
)  # fmt: skip
def test_a_source_that_cannot_be(call: Call, body: dict[str, Any], status: int) -> None:
    assert call("POST", "sources", body, status)["message"]
    assert not Source.objects.exists()


def test_the_products_own_source_stays_as_it_is(call: Call) -> None:
    own = sources.internal(NOW).pk
    assert call("PATCH", f"sources/{own}", {"enabled": False}, 409)["code"] == "own_source"


def test_the_products_own_source_gets_no_key(call: Call) -> None:
    own = sources.internal(NOW)
    refused = call("POST", f"sources/{own.pk}/keys", expect=409)
    assert refused["code"] == "own_source"
    assert refused["message"].startswith(f"{own.name} is the product's own source")
    assert not WriteKey.objects.exists()


def test_a_write_key_is_shown_once_and_revoked(call: Call) -> None:
    source = sources.create("Shop", "site", NOW, actor="tests").pk
    made = call("POST", f"sources/{source}/keys", expect=201)
    assert WriteKey.objects.get(digest=sources.digest(made["key"])).source_id == source
    [listed] = call("GET", f"sources/{source}/keys")["results"]
    assert listed == {name: value for name, value in made.items() if name != "key"}
    call("DELETE", f"sources/{source}/keys/{made['id']}", expect=204)
    assert call("GET", f"sources/{source}/keys")["results"][0]["revoked_at"]
    again = call("DELETE", f"sources/{source}/keys/{made['id']}", expect=404)
    assert again["code"] == "no_such_key"
    assert audited() == ["writekey.add", "writekey.revoke"]


def test_a_key_is_revoked_under_its_own_source_alone(call: Call) -> None:
    shop, till = (sources.create(name, "site", NOW, actor="tests").pk for name in ("shop", "till"))
    made = call("POST", f"sources/{shop}/keys", expect=201)
    call("DELETE", f"sources/{till}/keys/{made['id']}", expect=404)
    assert WriteKey.objects.get().revoked_at is None


def test_refusals_come_in_pages_the_latest_first(call: Call) -> None:
    source = sources.create("Shop", "site", NOW, actor="tests").pk
    for number in range(3):
        Refusal.objects.create(
            source_id=source,
            reason=f"r{number}",
            count=number,
            first_at=NOW,
            last_at=NOW + number // 2,
        )
    first = call("GET", f"sources/{source}/refusals?limit=2")
    rest = call("GET", f"sources/{source}/refusals?limit=2&cursor={first['next']}")
    found = [one["reason"] for one in first["results"] + rest["results"]]
    assert (found, rest["next"]) == (["r2", "r1", "r0"], None)


def test_touchpoints_that_count_for_nobody_are_listed_in_pages_the_latest_first(
    call: Call,
) -> None:
    shop, other = (sources.create(name, "site", NOW, actor="tests") for name in ("shop", "other"))
    two = [{"id": f"{number}", "type": "user_id"} for number in (1, 2)]
    said: dict[str, Any] = {"type": "track", "event": "Bought", "context": {"externalIds": two}}
    rows = [row(one, {**said, "messageId": "m"}) for one in (shop, other, shop)]
    rows += [
        row(shop, {**said, "messageId": "n"}),
        row(shop, {"type": "page", "userId": "1", "messageId": "o"}),
    ]
    store = graph.store()
    store.raise_epoch(1)
    store.record(decode(rows), epoch=1, contested=())
    first = call("GET", f"sources/{shop.pk}/refused?limit=1")
    [listed] = first["results"]
    assert (listed["number"], listed["reason"], listed["event"]) == (
        *(rows[3].number, "too_many:user_id", "Bought"),
    )
    assert listed["identifiers"] == ["user_id:1", "user_id:2"]
    rest = call("GET", f"sources/{shop.pk}/refused?limit=1&cursor={first['next']}")
    assert ([one["number"] for one in rest["results"]], rest["next"]) == ([rows[0].number], None)
    call("GET", "sources/9000000/refused", expect=404)


def test_what_is_not_there_is_404(call: Call) -> None:
    for method, path in [
        ("GET", "sources/9000000"),
        ("PATCH", "sources/9000000"),
        ("GET", "sources/9000000/keys"),
        ("POST", "sources/9000000/keys"),
        ("DELETE", "sources/9000000/keys/1"),
        ("GET", "sources/9000000/refusals"),
        ("POST", "set-aside/9000000/retry"),
        ("GET", "commands/9000000"),
    ]:
        assert call(method, path, {} if method == "PATCH" else None, 404)["code"]


def test_a_set_aside_touchpoint_is_tried_again_and_the_command_tells(call: Call) -> None:
    row = InboxRow(7, 1, Mode.LIVE, NOW, b"sealed")
    aside.trying(row, NOW, epoch=lane.take_over("tests", NOW))
    aside.set_aside(7, "t", "it failed alone", NOW)
    [listed] = call("GET", "set-aside?state=aside")["results"]
    assert listed.items() >= {"number": 7, "source": 1, "error": "it failed alone"}.items()
    assert call("GET", "set-aside?state=trying")["results"] == []
    command = call("POST", "set-aside/7/retry", expect=202)["command"]
    assert SetAside.objects.get().state == "again"
    assert call("GET", f"commands/{command}")["state"] == "waiting"
    commands.finish(command, NOW + 1)
    assert call("GET", f"commands/{command}")["state"] == "done"
    commands.finish(command, NOW + 1, "it is gone")
    told = call("GET", f"commands/{command}")
    assert (told["state"], told["error"], told["kind"]) == ("failed", "it is gone", aside.RETRY)
    assert call("POST", "set-aside/7/retry", expect=404)["code"] == "not_set_aside"
    assert audited() == ["setaside.retry"]


def test_who_may_only_read_changes_nothing() -> None:
    call = caller("*:read")
    source = sources.create("Shop", "site", NOW, actor="tests").pk
    for method, path in [
        ("POST", "sources"),
        ("PATCH", f"sources/{source}"),
        ("POST", f"sources/{source}/keys"),
        ("DELETE", f"sources/{source}/keys/1"),
        ("POST", "set-aside/1/retry"),
    ]:
        assert call(method, path, {}, 403)["code"] == "forbidden"


def test_a_source_is_forgotten_once_and_says_how_far_it_is(call: Call) -> None:
    made = call("POST", "sources", {"name": "old CRM", "kind": "crm"}, 201)
    path = f"sources/{made['id']}/forget"
    assert call("GET", path, expect=404)["code"] == "not_forgotten"
    caller("sources:read")("POST", path, expect=403)
    answer = call("POST", path, expect=202)
    assert LaneCommand.objects.get(pk=answer["command"]).kind == "sources.forget"
    assert audited()[-1] == "source.forget"
    assert call("GET", f"sources/{made['id']}")["enabled"] is False
    found = call("GET", path)
    assert (found["position"], found["touchpoints"], found["done_at"]) == (0, 0, None)
    assert call("POST", path, expect=409)["code"] == "forgotten"
    assert call("PATCH", f"sources/{made['id']}", {"enabled": True}, 409)["code"] == "forgotten"
