"""Pressure over REST."""

from datetime import datetime
from typing import Any

import pytest
from django.db.transaction import atomic

from activation.pressure.models import LedgerRow, PersonCap
from activation.pressure.reserve import reserve
from dmp_site import pipeline
from identity import clock
from identity.clock import DAY, HOUR
from identity.privacy.models import AuditEntry
from identity.touchpoints import lane
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import BatchContext, Mode
from tests.activation.people import NOON, context, person
from tests.activation.pressure.rows import ask, publish, rolling
from tests.identity.profiles.people import profile

pytestmark = pytest.mark.django_db

DAILY = {"limit": 2, "window": {"kind": "rolling", "seconds": 86400}}


def make(call: Any, name: str = "Daily", **document: Any) -> int:
    made = call("POST", "pressure/policies", {"name": name, "document": {**DAILY, **document}})
    assert made.status_code == 201, made.content
    return int(made.json()["id"])


def test_a_policy_from_draft_to_archive(call):
    one = make(call)
    alice, [owner] = person("alice")
    assert reserve([ask(f"{n}:a:1", alice.pk, owner.pk) for n in range(3)], context())[0].passed
    published = call("POST", f"pressure/policies/{one}/publish").json()
    assert (published["state"], published["version"]) == ("live", 1)
    assert not reserve([ask("4:a:1", alice.pk, owner.pk)], context())[0].passed
    call("PATCH", f"pressure/policies/{one}", {"document": {**DAILY, "limit": 9}})
    assert not reserve([ask("5:a:1", alice.pk, owner.pk)], context())[0].passed
    assert call("POST", f"pressure/policies/{one}/publish").json()["version"] == 2
    assert reserve([ask("6:a:1", alice.pk, owner.pk)], context())[0].passed
    assert call("POST", f"pressure/policies/{one}/archive").json()["state"] == "archived"
    versions = call("GET", f"pressure/policies/{one}/versions").json()["results"]
    assert [row["number"] for row in versions] == [2, 1]
    assert AuditEntry.objects.filter(action__startswith="policy.").count() == 5


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"limit": -1}, "`$.limit`"),
        ({"limit": 1.5}, "limit: whole messages"),
        ({"limit": 1.555, "unit": "points"}, "limit: whole messages, or points"),
        ({"window": {"kind": "rolling", "seconds": 0}}, "`$.window.seconds`"),
        ({"window": {"kind": "calendar", "period": "year"}}, "`$.window.period`"),
        ({"scope": {"chanels": []}}, "chanels"),
        ({"mode": "override", "audience": 1}, "base: an override names"),
        ({"mode": "override", "base": 1}, "audience: an override is for one"),
        ({"base": 1}, "base: means nothing"),
        ({"audience": 77}, "audience: there is no audience 77"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_with_its_field(call, document, place):
    body = {"name": "Bad", "document": {**DAILY, **document}}
    answer = call("POST", "pressure/policies", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_policy")
    assert place in answer.json()["message"]


def test_an_override_names_a_limit_of_its_unit_that_stays_live(call):
    fans = call("POST", "audiences", {"name": "Fans", "kind": "manual"}).json()["id"]
    base = make(call)
    call("POST", f"pressure/policies/{base}/publish")
    override = {"mode": "override", "base": base, "audience": fans}
    points = call(
        "POST",
        "pressure/policies",
        {"name": "P", "document": {**DAILY, **override, "unit": "points"}},
    )
    assert "unit: messages" in points.json()["message"]
    more = make(call, "More", **override, limit=5)
    call("POST", f"pressure/policies/{more}/publish")
    assert call("POST", f"pressure/policies/{base}/archive").json()["code"] == "has_override"
    points = {**DAILY, "unit": "points"}
    call("PATCH", f"pressure/policies/{base}", {"document": points})
    refused = call("POST", f"pressure/policies/{base}/publish").json()
    assert (refused["code"], "messages" in refused["message"]) == ("has_override", True)
    chain = call(
        "POST", "pressure/policies", {"name": "C", "document": {**DAILY, **override, "base": more}}
    )
    assert "replaces a limit" in chain.json()["message"]
    call("POST", f"pressure/policies/{more}/archive")
    assert call("POST", f"pressure/policies/{base}/archive").status_code == 200


def test_weights_classes_and_quiet_hours(call):
    assert call("PUT", "pressure/weights", {"weights": {"sms": 200}}).json() == {
        "weights": {"sms": 200}
    }
    assert call("PUT", "pressure/weights", {"weights": {"sms": -1}}).status_code == 400
    made = call(
        "PUT", "pressure/classes/transactional", {"obeys_caps": False, "counts_toward_caps": False}
    )
    assert made.json()["obeys_caps"] is False
    assert [row["name"] for row in call("GET", "pressure/classes").json()["results"]] == [
        "transactional"
    ]
    night = call(
        "POST", "pressure/quiet-hours", {"name": "Night", "start": "22:00", "end": "08:00"}
    )
    assert (night.status_code, night.json()["channels"]) == (201, [])
    bad = call("POST", "pressure/quiet-hours", {"name": "None", "start": "08:00", "end": "08:00"})
    assert bad.json()["code"] == "bad_hours"
    one = night.json()["id"]
    assert call("DELETE", f"pressure/quiet-hours/{one}").status_code == 204
    assert call("DELETE", f"pressure/quiet-hours/{one}").status_code == 404


def test_ledger_and_decisions_say_what_happened_to_a_person(call):
    publish("day", limit=1, window=rolling(24))
    alice, [owner] = person("alice")
    bob, [bobs] = person("bob")
    reserve([ask("1:a:1", alice.pk, owner.pk), ask("9:a:1", bob.pk, bobs.pk)], context())
    reserve([ask("2:a:1", alice.pk, owner.pk)], context(NOON + HOUR))
    [row] = call("GET", f"pressure/ledger?profile={alice.uid}").json()["results"]
    assert (row["key"], row["status"], row["points"]) == ("1:a:1", "reserved", 1.0)
    [refused] = call("GET", f"pressure/decisions?profile={alice.uid}&passed=false").json()[
        "results"
    ]
    assert (refused["key"], refused["reason"], refused["refused_by"]) == ("2:a:1", "capped", "day")
    assert clock.from_datetime(_time(refused["earliest"])) == NOON + DAY
    assert (refused["policies"][0]["use"], refused["policies"][0]["limit"]) == (1, 1)
    assert len(call("GET", "pressure/decisions").json()["results"]) == 3
    assert len(call("GET", "pressure/decisions?key=9:a:1").json()["results"]) == 1
    unknown = "pressure/ledger?profile=00000000-0000-0000-0000-000000000000"
    assert call("GET", unknown).status_code == 404


def _time(text: str) -> Any:
    return datetime.fromisoformat(text)


def test_would_this_pass_is_answered_by_the_code_that_decides(call):
    publish("day", limit=1, window=rolling(24))
    alice, [owner] = person("alice")
    body = {"profile": str(alice.uid), "channel": "email"}
    assert call("POST", "pressure/check", body).json()["passes"] is True
    now = clock.now()
    reserve([ask("1:a:1", alice.pk, owner.pk, due_at=now)], context(now))
    answer = call("POST", "pressure/check", body).json()
    assert (answer["passes"], answer["reason"], answer["refused_by"]) == (False, "capped", "day")
    assert clock.from_datetime(_time(answer["earliest"])) == now + DAY
    later = call("POST", "pressure/check", {**body, "at": answer["earliest"]}).json()
    assert later["passes"] is True
    assert LedgerRow.objects.count() == 1


def test_a_question_about_a_time_far_away_is_refused(call):
    alice, _ = person("alice")
    question = {"profile": str(alice.uid), "channel": "email", "at": "9999-12-31T23:59:59Z"}
    answer = call("POST", "pressure/check", question)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_far")


def test_an_override_is_published_after_the_policy_that_it_replaces(call):
    base = make(call, "Base")
    fans = call("POST", "audiences", {"name": "Fans", "kind": "manual"}).json()["id"]
    more = make(call, "More", mode="override", base=base, audience=fans)
    refused = call("POST", f"pressure/policies/{more}/publish")
    assert (refused.status_code, "publish it first" in refused.json()["message"]) == (422, True)
    call("POST", f"pressure/policies/{base}/publish")
    assert call("POST", f"pressure/policies/{more}/publish").status_code == 200


def test_a_cap_of_one_s_own_is_set_by_the_lane(call):
    home = profile("user_id:carol")
    body = {
        "profile": str(home.uid),
        "channel": "display",
        "limit": 0,
        "until": "2100-01-01T00:00:00Z",
    }
    assert call("POST", "pressure/caps", body).status_code == 202
    epoch = lane.take_over("test", NOON)
    command = LaneCommand.objects.get()
    pipeline.execute(
        command.kind, command.payload, BatchContext(NOON, NOON, Mode.LIVE, epoch), fence=atomic
    )
    cap = PersonCap.objects.get()
    assert (cap.channel, cap.limit, cap.window) == ("display", 0, DAY)
    asked = {"profile": str(home.uid), "channel": "display"}
    assert call("POST", "pressure/check", asked).json()["passes"] is False


def test_schemas_are_published(call):
    assert "PolicyDocument" in str(call("GET", "pressure/policy-schema").json())
    assert call("GET", "audiences/rule-schema").json()["title"] == "Audience rule"
