"""Who may call: keys with scopes, sessions with roles; nothing is open by omission."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from dmp_site import apikeys
from dmp_site.models import ApiKey
from identity.clock import MINUTE
from identity.errors import DomainError, NotFound

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.dmp_site.api.probe")]


def bearer(*scopes, channel=""):
    return apikeys.create("tests", scopes, 1, channel=channel, actor="tests")[1]


def get(client, path="/api/v1/probe", key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return client.get(path, headers=headers)


def test_nobody_is_refused_with_401(client):
    answer = get(client)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("scope", ["things:read", "*:read", "*"])
def test_a_key_with_the_scope_gets_in(client, scope):
    key = bearer(scope, channel="crm")
    answer = get(client, key=key)
    assert answer.status_code == 200
    assert answer.json() == {"actor": f"key:{key[:12]}", "channel": "crm"}


def test_a_key_without_the_scope_is_told_which_one_is_needed(client):
    answer = get(client, key=bearer("other:read", "things:write"))
    assert answer.status_code == 403
    assert answer.json() == {"code": "forbidden", "message": "This needs the scope things:read."}


def test_each_method_needs_its_own_scope(client):
    key = bearer("things:read")
    answer = client.post(
        "/api/v1/probe",
        {"name": "a", "size": 1},
        "application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("key", ["frk_00000000_unknown", "", "\udcff", "a b"])
def test_an_unknown_key_is_refused(client, key):
    assert get(client, key=key or " ").status_code == 401


def test_a_revoked_key_is_refused(client):
    key = bearer("things:read")
    apikeys.revoke(key[:12], 2, actor="tests")
    assert get(client, key=key).status_code == 401
    with pytest.raises(NotFound):
        apikeys.revoke("frk_nothing", 2, actor="tests")


def test_a_view_that_names_no_scope_is_closed_even_for_the_highest_key(client):
    assert get(client, "/api/v1/closed", bearer("*")).status_code == 403


def test_only_the_digest_is_stored():
    key = bearer("things:read")
    row = ApiKey.objects.get()
    assert key not in str(vars(row))
    assert len(row.digest) == 64


def test_use_is_noted_once_a_minute():
    key = bearer("things:read")
    for moment, noted in [(5, 5), (6, 5), (5 + MINUTE, 5), (6 + MINUTE, 6 + MINUTE)]:
        assert apikeys.recognise(key, moment)
        assert ApiKey.objects.filter(used_at=noted).exists()


@pytest.mark.parametrize("scopes", [[], ["profiles"], ["Profiles:Read"], ["a:b:c"], [""]])
def test_malformed_scopes_are_refused(scopes):
    with pytest.raises(DomainError):
        apikeys.create("tests", scopes, 1, actor="tests")


def _signed_in(role=None, **user):
    alice = User.objects.create_user("alice", **user)
    if role:
        alice.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    return client


def test_a_session_gets_in_by_role():
    assert _signed_in("viewer").get("/api/v1/probe").status_code == 200


def test_a_session_without_role_gets_nothing():
    assert _signed_in().get("/api/v1/probe").status_code == 403


def test_a_superuser_needs_no_role():
    assert _signed_in(is_superuser=True).get("/api/v1/probe").status_code == 200


def test_a_session_needs_the_csrf_token_to_write():
    client = _signed_in("admin")
    answer = client.post("/api/v1/probe", {"name": "a", "size": 1}, "application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["message"]


def test_a_viewer_may_not_write():
    client = _signed_in("viewer")
    client.handler.enforce_csrf_checks = False
    answer = client.post("/api/v1/probe", {"name": "a", "size": 1}, "application/json")
    assert answer.json()["message"] == "This needs the scope things:write."
