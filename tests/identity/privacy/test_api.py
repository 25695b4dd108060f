"""The REST API of the logs: who changed what, and who saw what."""

import pytest
from django.test import Client

from dmp_site import apikeys
from identity.privacy import audit, vault
from identity.privacy.vault import Entry

pytestmark = pytest.mark.django_db


def client(*scopes: str) -> Client:
    key = apikeys.create("tests", scopes, 1, actor="tests")[1]
    return Client(headers={"Authorization": f"Bearer {key}"})


def test_the_audit_log_is_listed_latest_first_and_filtered() -> None:
    api = client("audit:read")
    audit.record("user:1", "source.add", "identity.source:3", {}, 5)
    audit.record("user:2", "source.change", "identity.source:3", {"fields": ["name"]}, 6)
    latest = api.get("/api/v1/audit").json()["results"][0]
    assert latest.pop("at")
    assert latest == {
        "actor": "user:2",
        "action": "source.change",
        "object": "identity.source:3",
        "detail": {"fields": ["name"]},
    }
    for query, actions in [
        ("actor=user:1", ["source.add"]),
        ("action=source.change", ["source.change"]),
        ("object=identity.source:3", ["source.change", "source.add"]),
        ("object=identity.source:4", []),
    ]:
        found = api.get(f"/api/v1/audit?{query}").json()["results"]
        assert [one["action"] for one in found] == actions


def test_the_access_log_says_who_and_why_and_no_value() -> None:
    vault.store([Entry("user_id:alice", "first_name", "Alice", 1, 1, "t")])
    vault.reveal([("user_id:alice", "first_name")], actor="user:1", why="they called", now=5)
    answer = client("audit:read").get("/api/v1/audit/vault")
    [entry] = answer.json()["results"]
    assert (entry["actor"], entry["why"], entry["field"]) == (
        "user:1",
        "they called",
        "first_name",
    )
    assert "Alice" not in answer.content.decode()


@pytest.mark.parametrize("path", ["audit", "audit/vault"])
def test_who_reads_everything_else_does_not_read_the_logs(path: str) -> None:
    assert client("*:read").get(f"/api/v1/{path}").status_code == 403
