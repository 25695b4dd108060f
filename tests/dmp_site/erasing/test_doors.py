"""Asking for an erasure and for a bundle: commands, REST, console. Nobody types personal data where others see it."""

import io
import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pyarrow import parquet

from dmp_site import apikeys
from identity.models import AuditEntry, Erasure, Identifier, LaneCommand, PersonalFile, VaultAccess
from identity.privacy import personal_files
from identity.profiles import selectors
from identity.touchpoints.types import Identifier as Value
from tests.dmp_site.erasing.searching import found
from tests.dmp_site.erasing.test_erasing import ALICE, MAIL, come, needles
from tests.identity.signing import SignIn
from tests.road import Road

pytestmark = pytest.mark.django_db(databases="__all__")


def run(command: str, *arguments: str, given: str = "") -> str:
    out = StringIO()
    with pytest.MonkeyPatch.context() as terminal:
        terminal.setattr("sys.stdin", io.StringIO(given))
        call_command(command, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def client(*scopes: str) -> Client:
    key = apikeys.create("tests", scopes, 1, actor="tests")[1]
    return Client(headers={"Authorization": f"Bearer {key}"})


def post(api: Client, path: str, body: Mapping[str, Any]) -> Any:
    return api.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")


# --- Commands -----------------------------------------------------------------------------------------------------------


def test_an_address_is_read_from_standard_input(road: Road) -> None:
    come(road)
    number = run("erase_person", "email", given=f"{MAIL}\n").split()[1]
    assert MAIL not in str(list(LaneCommand.objects.values()))
    road.run()
    said = json.loads(run("erase_person", "--certificate", number))
    assert (said["state"], said["asked_by"]) == ("done", "command:erase_person")
    assert found(needles()) == []


def test_an_address_in_a_file(road: Road, tmp_path: Path) -> None:
    come(road)
    (tmp_path / "address").write_text(f"{MAIL}\n")
    run("erase_person", "email", "--value-file", str(tmp_path / "address"))
    road.run()
    assert not Identifier.objects.exists()


def test_an_address_on_the_command_line_is_refused(road: Road) -> None:
    for namespace in ("email", "user_id"):
        with pytest.raises(CommandError, match="must not be in an address"):
            run("erase_person", namespace, MAIL)
    assert not Erasure.objects.exists()


def test_by_a_value_that_is_not_personal_and_by_profile(road: Road) -> None:
    come(road)
    come(road, "bob", "bob@shop.example", "browser-b")
    run("erase_person", "user_id", "alice-4711")
    run("erase_person", "--profile", selectors.by_identifier(Value("user_id", "bob")).uid)
    road.run()
    assert not Identifier.objects.exists()


@pytest.mark.parametrize("arguments", [[], ["email", "--profile", "x"]])
def test_one_person_has_to_be_named(road: Road, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="name a person"):
        run("erase_person", *arguments)


def test_waiting_ends(road: Road) -> None:
    with pytest.raises(CommandError, match="is not done yet"):
        run("erase_person", "user_id", "alice-4711", "--wait", "--timeout", "0")
    road.run()
    with pytest.raises(CommandError, match="over already"):
        run("erase_person", "--resume", str(Erasure.objects.get().pk))


def test_what_the_lane_gave_up_goes_on(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    come(road)
    number = run("erase_person", "user_id", "alice-4711").split()[1]
    with monkeypatch.context() as broken:
        broken.setattr(road.store, "drop", None)
        road.run()
    assert LaneCommand.objects.latest("pk").broke
    run("erase_person", "--resume", number)
    road.run()
    assert Erasure.objects.get().state == "done"
    assert found(needles()) == []


# --- REST ---------------------------------------------------------------------------------------------------------------


def test_rest_erases_and_hands_out_the_certificate(road: Road) -> None:
    come(road)
    api = client("privacy:write", "privacy:read")
    answer = post(api, "erasures", {"namespace": "email", "value": MAIL})
    assert answer.status_code == 202
    number = answer.json()["erasure"]
    assert answer.json()["state"] == "waiting"
    road.run()
    said = api.get(f"/api/v1/erasures/{number}").json()
    assert said["state"] == "done"
    assert said["removed"]["identity.identifier"] == 3
    assert [one["erasure"] for one in api.get("/api/v1/erasures").json()["results"]] == [number]
    entry = AuditEntry.objects.get(action="person.erase")
    assert entry.object == f"identity.erasure:{number}"
    assert entry.actor.startswith("key:")


def test_rest_says_that_a_profile_was_erased(road: Road) -> None:
    come(road)
    uid = selectors.by_identifier(ALICE).uid
    api = client("privacy:write", "profiles:read")
    assert post(api, "erasures", {"profile": uid}).status_code == 202
    road.run()
    answer = api.get(f"/api/v1/profiles/{uid}")
    assert (answer.status_code, answer.json()["code"]) == (404, "profile_erased")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"namespace": "email"}, 400),
        ({"namespace": "nonsense", "value": "nobody"}, 400),
        ({"profile": "00000000-0000-4000-8000-000000000000"}, 404),
        (
            {
                "profile": "00000000-0000-4000-8000-000000000000",
                "namespace": "user_id",
                "value": "x",
            },
            400,
        ),
    ],
)
def test_rest_refuses_what_names_nobody(road: Road, body: dict[str, Any], status: int) -> None:
    assert post(client("privacy:write"), "erasures", body).status_code == status


def test_only_who_may_erases_and_sees_all(road: Road) -> None:
    body = {"namespace": "user_id", "value": "x", "why": "because"}
    assert post(client("*:read"), "erasures", body).status_code == 403
    assert post(client("*:read", "privacy:write"), "bundle", body).status_code == 403
    assert post(client("pii:read"), "bundle", body).status_code == 404


def test_a_bundle_tells_everything(road: Road) -> None:
    come(road)
    answer = post(
        client("pii:read"), "bundle", {"namespace": "email", "value": MAIL, "why": "request 7"}
    )
    told = answer.json()
    assert {one["value"] for one in told["personal"]} >= {MAIL, "Alicia"}
    assert [one["event"] for one in told["touchpoints"]] == ["page", "identify", "Order Completed"]
    assert len(told["links"]) == 3
    [order] = told["tables"]["identity.order"]
    assert order["order_id"] == "order-of-alice-4711"
    assert {row["name"]: row["value"] for row in told["tables"]["identity.trait"]} == {
        "city": "Lyon"
    }
    assert VaultAccess.objects.filter(why="request 7").count() == len(told["personal"])


def nobody_named(road: Road) -> int:
    """Let somebody come of whom the vault holds nothing; return the row id of their profile."""
    road.receive({"type": "identify", "anonymousId": "browser-c", "userId": "carol"})
    road.run()
    return selectors.by_identifier(Value("user_id", "carol")).pk


def trace(profile: int) -> tuple[str, str]:
    """Return who had the whole history of this profile handed out, and why."""
    entry = AuditEntry.objects.get(action="person.bundle")
    assert entry.object == f"identity.profile:{profile}"
    assert not VaultAccess.objects.exists()
    return entry.actor.partition(":")[0], entry.detail["why"]


def test_rest_leaves_a_trace_of_a_bundle_without_clear_values(road: Road) -> None:
    profile = nobody_named(road)
    asked = {"namespace": "user_id", "value": "carol", "why": "request 8"}
    assert post(client("pii:read"), "bundle", asked).status_code == 200
    assert trace(profile) == ("key", "request 8")


def test_the_command_leaves_a_trace_of_a_bundle_without_clear_values(road: Road) -> None:
    profile = nobody_named(road)
    run("person_bundle", "user_id", "carol", "--why", "request 8")
    assert trace(profile) == ("command", "request 8")


def test_the_console_leaves_a_trace_of_a_bundle_without_clear_values(
    road: Road, sign_in: SignIn
) -> None:
    profile = nobody_named(road)
    address = f"/admin/identity/profile/{profile}/bundle/"
    assert sign_in("privacy officer").post(address, {"why": "request 8"}).status_code == 200
    assert trace(profile) == ("user", "request 8")


def test_a_bundle_tells_who_had_one_and_an_erasure_blanks_whose_it_was(road: Road) -> None:
    nobody_named(road)
    run("person_bundle", "user_id", "carol", "--why", "request 8")
    told = json.loads(run("person_bundle", "user_id", "carol", "--why", "request 9"))
    entries = told["tables"]["identity.auditentry"]
    assert [one["detail"]["why"] for one in entries] == ["request 8", "request 9"]
    run("erase_person", "user_id", "carol")
    road.run()
    left = AuditEntry.objects.filter(action="person.bundle")
    assert [(one.object, one.detail["why"]) for one in left] == [
        ("identity.profile", "request 8"),
        ("identity.profile", "request 9"),
    ]


# --- Console ------------------------------------------------------------------------------------------------------------


def test_the_console_asks_before_it_erases(road: Road, sign_in: SignIn) -> None:
    come(road)
    profile = selectors.by_identifier(ALICE)
    officer = sign_in("privacy officer")
    page = f"/admin/identity/profile/{profile.pk}/erase/"
    assert page in officer.get(f"/admin/identity/profile/{profile.pk}/change/").content.decode()
    assert "no way back" in officer.get(page).content.decode()
    assert officer.post(page).status_code == 200
    assert not Erasure.objects.exists()
    assert officer.post(page, {"sure": "on"}).status_code == 302
    road.run()
    row = Erasure.objects.get()
    assert row.state == "done"
    assert row.asked_by.startswith("user:")
    shown = officer.get(f"/admin/identity/erasure/{row.pk}/certificate/")
    assert shown.json()["removed"]["graph.touchpoint"] == 3
    assert officer.get("/admin/identity/erasure/").status_code == 200


def test_the_console_hands_out_a_bundle(road: Road, sign_in: SignIn) -> None:
    come(road)
    address = f"/admin/identity/profile/{selectors.by_identifier(ALICE).pk}/bundle/"
    officer = sign_in("privacy officer")
    assert officer.post(address).status_code == 302
    answer = officer.post(address, {"why": "request 7"})
    assert MAIL in answer.content.decode()
    assert VaultAccess.objects.filter(why="request 7").exists()


def test_a_viewer_neither_erases_nor_reads_a_bundle(road: Road, sign_in: SignIn) -> None:
    come(road)
    pk = selectors.by_identifier(ALICE).pk
    viewer = sign_in("viewer")
    assert viewer.post(f"/admin/identity/profile/{pk}/erase/", {"sure": "on"}).status_code == 403
    assert viewer.post(f"/admin/identity/profile/{pk}/bundle/", {"why": "x"}).status_code == 403


# --- Files --------------------------------------------------------------------------------------------------------------


def test_exports_and_bundles_lose_the_person(road: Road, tmp_path: Path) -> None:
    come(road)
    come(road, "bob", "bob@shop.example", "browser-b")
    names = ("people.jsonl", "people.csv", "people.parquet")
    for name in names:
        arguments = ("--output", str(tmp_path / name), "--clear", "--why", "tests", "--quiet")
        run("export_profiles", *arguments)
    told = tmp_path / "alice.json"
    run("person_bundle", "email", "--why", "tests", "--output", str(told), given=MAIL)
    assert MAIL in told.read_text()
    run("erase_person", "user_id", "alice-4711")
    road.run()
    assert sorted(each.name for each in tmp_path.iterdir() if each.name in names) == sorted(names)
    assert not told.exists()
    for name in ("people.jsonl", "people.csv"):
        text = (tmp_path / name).read_text()
        assert not [each for each in needles() if each in text]
        assert "bob@shop.example" in text
        assert len(text.splitlines()) == (1 if name == "people.jsonl" else 2)
    [row] = parquet.read_table(tmp_path / names[2]).to_pylist()
    assert "bob@shop.example" in row["personal"]
    assert Erasure.objects.get().removed["file.export"] == 3
    assert Erasure.objects.get().removed["file.bundle"] == 1
    assert (tmp_path / names[0]).stat().st_mode & 0o777 == 0o600


def test_files_of_bad_rows_lose_the_person(road: Road, tmp_path: Path) -> None:
    come(road)
    bad = tmp_path / "customers.csv.bad.jsonl"
    lines = [
        {"row": 1, "reason": "r", "content": {"mail": "Alice@Shop.example ", "id": "x"}},
        {"row": 2, "reason": "r", "content": {"mail": "", "id": "alice-4711"}},
        {"row": 3, "reason": "r", "content": {"mail": "bob@shop.example", "id": "alice"}},
        {"row": 4, "reason": "r", "content": None},
    ]
    bad.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    personal_files.note(bad, PersonalFile.Kind.BAD_ROWS, "jsonl", road.now)
    run("erase_person", "user_id", "alice-4711")
    road.run()
    assert [json.loads(line)["row"] for line in bad.read_text().splitlines()] == [3, 4]


def test_a_file_out_of_reach_is_named_in_the_certificate(road: Road, tmp_path: Path) -> None:
    come(road)
    torn, gone = tmp_path / "torn.jsonl", tmp_path / "gone.jsonl"
    torn.write_text("{")
    for path in (torn, gone):
        personal_files.note(path, PersonalFile.Kind.EXPORT, "jsonl", road.now)
    PersonalFile.objects.create(
        host="elsewhere", path="/x.csv", kind="export", format="csv", written_at=road.now
    )
    run("erase_person", "user_id", "alice-4711")
    road.run()
    row = Erasure.objects.get()
    assert row.state == "done"
    assert row.notes == [
        f"{torn} cannot be rewritten (DecodeError)",
        "elsewhere:/x.csv is not on this host",
    ]
    assert not PersonalFile.objects.filter(path=str(gone)).exists()
