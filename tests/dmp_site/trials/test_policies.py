"""An identity policy from draft to force, by every door: API, console, command, job, lane."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from activation.audiences import services as audiences
from dmp_site import apikeys, jobs, roles, trials
from dmp_site.jobs import runner
from dmp_site.models import Job
from dmp_site.trials import KIND, starting
from identity.clock import SECOND, now
from identity.graph import documents, policies
from identity.graph.models import IdentityPolicy
from identity.graph.policy import DEFAULT
from identity.models import Identifier
from identity.privacy import erasures
from identity.profiles.policies import services, trial
from identity.touchpoints.models import Batch, LaneCommand
from identity.touchpoints.types import Identifier as Value
from journeys.publishing import services as journeys
from tests.content import template
from tests.journeys.documents import abandoned_cart
from tests.road import Road

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def api(client):
    _key, clear = apikeys.create("tests", ["*"], now(), actor="tests")

    def ask(method: str, path: str, body=None):
        return client.generic(
            method,
            f"/api/v1/{path}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {clear}"},
        )

    return ask


@pytest.fixture
def console(client):
    roles.ensure()
    alice = User.objects.create_user("alice", is_staff=True)
    alice.groups.add(Group.objects.get(name="admin"))
    client.force_login(alice)
    return client


@pytest.fixture
def road(tmp_path):
    road = Road(tmp_path)
    road.receive(
        *(
            {"anonymousId": "v1", "context": {"externalIds": [{"type": "loyalty_id", "id": card}]}}
            for card in ("c1", "c2")
        )
    )
    road.run()
    yield road
    road.writer.close()


def stricter():
    """Return the default document with one loyalty card a person."""
    made = documents.write(DEFAULT)
    made["namespaces"]["loyalty_id"]["max"] = 1
    return made


def profiles():
    return set(Identifier.objects.values_list("profile", flat=True))


def test_a_policy_is_drafted_applied_and_brought_to_everybody(api, road):
    assert len(profiles()) == 1
    assert api("GET", "identity/policy").json()["version"] == 1
    assert api("GET", "identity/policy/draft").status_code == 404
    answer = api("PUT", "identity/policy/draft", {"document": stricter()})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    answer = api("POST", "identity/policy/draft/apply")
    assert answer.status_code == 202
    road.run()
    assert LaneCommand.objects.get(pk=answer.json()["command"]).error == ""
    told = api("GET", "identity/policy").json()
    assert (told["version"], told["progress"]["done"]) == (2, True)
    assert told["document"]["namespaces"]["loyalty_id"]["max"] == 1
    assert len(profiles()) == 2
    assert set(Identifier.objects.values_list("policy", flat=True)) == {2}
    assert Batch.objects.latest("pk").versions["identity"] == 2
    assert [
        one["version"] for one in api("GET", "identity/policy/versions").json()["results"]
    ] == [2]


def test_what_comes_in_goes_by_the_policy_in_force(road):
    made = stricter()
    made["namespaces"]["badge"] = {"kind": "person", "priority": 1, "max": 1}
    services.change(made, now(), actor="tests")
    services.apply(now(), actor="tests")
    road.run()
    badge = {"externalIds": [{"type": "badge", "id": "b1"}]}
    road.receive({"anonymousId": "v9", "context": badge})
    road.run()
    assert Identifier.objects.get(key="badge:b1").policy == 2


def test_a_lane_that_takes_over_goes_on_where_the_last_one_was(road):
    services.change(stricter(), now(), actor="tests")
    services.apply(now(), actor="tests")
    for _ in range(2):
        road.loop.step()
    row = IdentityPolicy.objects.get(version=2)
    assert row.applied_at is not None
    road.loop = road.new_lane()
    road.run()
    row.refresh_from_db()
    assert row.settled_at is not None
    assert len(profiles()) == 2


def test_a_bad_draft_names_its_mistakes(api):
    made = stricter()
    made["namespaces"]["email"]["kind"] = "device"
    answer = api("PUT", "identity/policy/draft", {"document": made})
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad_policy"
    assert "namespaces.email.kind" in answer.json()["message"]
    assert api("DELETE", "identity/policy/draft").status_code == 404


def test_a_dry_run_is_a_job_and_tells_what_it_found(api, road):
    services.change(stricter(), now(), actor="tests")
    answer = api("POST", "identity/policy/draft/trial")
    assert answer.status_code == 202
    job = answer.json()["id"]
    runner.run(job)
    told = api("GET", f"jobs/{job}").json()
    assert (told["state"], told["processed"], told["total"]) == ("done", 3, 3)
    found = told["found"]
    assert (found["split"], found["moved"], found["profiles_after"]) == (1, 1, 2)
    assert len(found["examples"]) == 1
    assert len(profiles()) == 1


def test_a_dry_run_counts_what_hangs_on_who_would_move(road):
    rule = {"did": "Cart Viewed", "within_days": 1}
    inside = audiences.create("Carts", rule=rule, actor="tests", now=road.now)
    audiences.publish(inside.pk, actor="tests", now=road.now)
    drawn = journeys.create(
        "Cart", abandoned_cart(template("reminder", "Your cart")), "tests", road.now
    )
    journeys.publish(drawn.pk, actor="tests", now=road.now)
    road.receive({"anonymousId": "v7", "userId": "first"})
    road.pass_time(SECOND)
    viewed = {"event": "Cart Viewed", "properties": {"cart_id": "7"}}
    road.receive({"anonymousId": "v7", "userId": "second", **viewed})
    road.run()
    made = documents.write(DEFAULT)
    made["namespaces"]["user_id"]["max"] = 2
    services.change(made, now(), actor="tests")
    job = starting.start(actor="tests", now=now())
    runner.run(job.pk)
    found = Job.objects.get().checkpoint["found"]
    assert (found["merged"], found["moved"]) == (1, 2)
    assert (found["memberships"], found["enrolments"]) == (1, 1)


def test_a_dry_run_goes_on_from_its_checkpoint(road):
    services.change(stricter(), now(), actor="tests")
    job = jobs.start(KIND, {"document": stricter()}, "tests", now())
    Job.objects.filter(pk=job.pk).update(checkpoint={"after": "", "found": {"identifiers": 40}})
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.checkpoint["found"]["identifiers"] == 43
    assert (job.state, job.processed) == ("done", 3)


def test_a_dry_run_reads_the_hubs_once_and_the_next_one_anew(road, monkeypatch):
    monkeypatch.setattr(trial, "BLOCK", 1)
    road.receive(
        *(
            {"type": "identify", "userId": f"u{n}", "traits": {"email": "a@b.co"}}
            for n in range(11)
        )
    )
    road.run()
    asked, pages = [], road.store.hubs

    def hubs(**which):
        asked.append(which["after"])
        return pages(**which)

    monkeypatch.setattr(road.store, "hubs", hubs)
    wide = documents.write(DEFAULT)
    wide["namespaces"]["email"]["hub"] = 20
    for _ in range(2):
        checkpoint: dict[str, Any] = {}
        steps = 0
        while checkpoint.get("after", "") is not None:
            checkpoint = trials.step(wide, checkpoint)
            steps += 1
        assert steps > 10
        assert checkpoint["found"]["hubs_released"] == 1
    assert asked.count("") == 2


def test_a_policy_applied_in_between_is_not_what_the_rest_is_compared_with(road, monkeypatch):
    """Whichever process goes on: this one has forgotten the run for two others."""
    monkeypatch.setattr(trial, "BLOCK", 1)
    cards = [{"externalIds": [{"type": "loyalty_id", "id": card}]} for card in ("d1", "d2")]
    road.receive(*({"anonymousId": "w1", "context": each} for each in cards))
    road.run()
    checkpoint = trials.step(stricter(), {})
    services.change(stricter(), now(), actor="tests")
    services.apply(now(), actor="tests")
    road.run()
    for _ in range(2):
        trials.step(stricter(), {})
    while checkpoint["after"] is not None:
        checkpoint = trials.step(stricter(), checkpoint)
    assert checkpoint["found"]["split"] == 2


def test_the_command_says_what_would_change(road, tmp_path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(stricter()))
    said = StringIO()
    call_command("policy_dry_run", str(file), stdout=said, stderr=StringIO())
    lines = said.getvalue().splitlines()
    assert "           1  split" in lines
    assert any(
        line.startswith("- anonymous_id:v1, loyalty_id:c1, loyalty_id:c2") for line in lines
    )
    assert policies.current().version == 1


def test_an_erased_person_is_in_no_dry_run(road):
    services.change(stricter(), now(), actor="tests")
    done = jobs.start(KIND, {"document": stricter()}, "tests", now())
    runner.run(done.pk)
    done.refresh_from_db()
    waiting = jobs.start(KIND, {"document": stricter()}, "tests", now())
    Job.objects.filter(pk=waiting.pk).update(checkpoint=done.checkpoint, processed=3)
    assert "anonymous_id:v1" in json.dumps(done.checkpoint)
    erasures.ask(identifier=Value("loyalty_id", "c1"), actor="tests", now=road.now)
    road.run()
    done.refresh_from_db()
    assert "v1" not in json.dumps(done.checkpoint)
    assert "loyalty_id" not in json.dumps(done.checkpoint)
    assert done.checkpoint["found"]["split"] == 1
    waiting.refresh_from_db()
    assert (waiting.checkpoint, waiting.processed) == ({}, 0)


def test_the_command_without_a_draft_or_with_a_bad_file(tmp_path):
    with pytest.raises(CommandError, match="there is no draft"):
        call_command("policy_dry_run")
    with pytest.raises(CommandError, match="no JSON that can be read"):
        call_command("policy_dry_run", str(tmp_path / "missing.json"))
    made = stricter()
    made["namespaces"].pop("email")
    (tmp_path / "policy.json").write_text(json.dumps(made))
    with pytest.raises(CommandError, match=r"namespaces\.email: identifiers may be stored"):
        call_command("policy_dry_run", str(tmp_path / "policy.json"))


def test_the_console_edits_tries_and_applies(console, road):
    page = "/admin/identity/identitypolicy/"
    form = console.get(f"{page}add/").content.decode()
    assert "loyalty_id" in form
    bad = stricter()
    bad["namespaces"].pop("email")
    answer = console.post(f"{page}add/", {"document": json.dumps(bad)})
    assert "namespaces.email" in answer.content.decode()
    console.post(f"{page}add/", {"document": json.dumps(stricter())})
    draft = services.draft()
    assert draft is not None
    console.post(page, {"action": "try_out", "_selected_action": [draft.pk]})
    job = Job.objects.get()
    runner.run(job.pk)
    shown = console.get(f"{page}{draft.pk}/change/").content.decode()
    assert "loyalty_id:c2" in shown
    console.post(page, {"action": "apply", "_selected_action": [draft.pk]})
    road.run()
    assert policies.current().version == 2
    assert len(profiles()) == 2
    listed = console.get(page).content.decode()
    assert "in force" in listed
    assert console.get(f"{page}{draft.pk}/change/").status_code == 200
    console.post(page, {"action": "draft_from", "_selected_action": [draft.pk]})
    assert services.draft() is not None


def test_an_earlier_version_that_cannot_come_back_is_not_tried(console, road):
    services.seed(now())
    made = stricter()
    made["namespaces"]["badge"] = {"kind": "person", "priority": 1}
    services.change(made, now(), actor="tests")
    services.apply(now(), actor="tests")
    road.run()
    page = "/admin/identity/identitypolicy/"
    answer = console.post(page, {"action": "try_out", "_selected_action": [1]}, follow=True)
    assert "namespaces.badge" in answer.content.decode()
    assert not Job.objects.exists()
