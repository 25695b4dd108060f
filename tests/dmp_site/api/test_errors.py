"""Every error has `code` and `message`, whatever goes wrong; bad bodies never make a 5xx."""

import pytest
from django.contrib.auth.models import User

from dmp_site import apikeys

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.dmp_site.api.probe")]


@pytest.fixture
def key():
    return apikeys.create("tests", ["*"], 1, actor="tests")[1]


@pytest.fixture
def call(client, key):
    client.raise_request_exception = False

    def _call(method, path, body=None, content_type="application/json"):
        return client.generic(
            method, path, body or b"", content_type, headers={"Authorization": f"Bearer {key}"}
        )

    return _call


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("probe/domain", 409, "too_late"),
        ("probe/absent", 404, "unknown_thing"),
        ("probe/http404", 404, "not_found"),
        ("probe/denied", 403, "forbidden"),
        ("probe/bug", 500, "internal"),
        ("nowhere", 404, "not_found"),
        ("", 404, "not_found"),
        ("probe/", 404, "not_found"),
    ],
)
def test_errors_of_views_and_addresses(call, path, status, code):
    answer = call("GET", f"/api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert "secret" not in answer.json()["message"]


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "PUT"])
def test_a_method_that_is_not_there(call, method):
    answer = call(method, "/api/v1/probe")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


BAD_BODIES = {
    "cut short": b'{"name": ',
    "not JSON": b"name=a",
    "empty": b"",
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "NaN": b'{"size": NaN}',
    "nested": b"[" * 100_000 + b"]" * 100_000,
    "nested a little": b"[" * 60 + b"]" * 60,
    "NUL": b'{"name": "\\u0000", "size": 1}',
    "NUL in a key": b'{"\\u0000": 1}',
    "half a surrogate pair": b'{"name": "\\ud800", "size": 1}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_cannot_be_read(call, body):
    answer = call("POST", "/api/v1/probe", body)
    assert answer.status_code == 400
    assert answer.json()["code"] in {"malformed", "invalid"}


def test_a_body_that_is_too_large(call):
    answer = call("POST", "/api/v1/probe", b'{"name": "%s"}' % (b"a" * 5_000_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_of_another_type(call):
    answer = call("POST", "/api/v1/probe", b"a=1", "application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_wrong_fields_are_named(call):
    answer = call("POST", "/api/v1/probe", b'{"name": "abcdefgh"}')
    assert answer.status_code == 400
    said = answer.json()
    assert said["code"] == "invalid"
    assert set(said["fields"]) == {"name", "size"}
    assert "size: This field is required." in said["message"]


def test_a_list_where_an_object_belongs(call):
    answer = call("POST", "/api/v1/probe", b"[1, 2]")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_nul_in_a_query_or_a_path_is_refused(call):
    for path in ["/api/v1/probe?q=%00", "/api/v1/probe/%00"]:
        answer = call("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_a_foreign_host_is_refused_as_json(client):
    answer = client.get("/api/v1/probe", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


def test_pages_of_the_admin_keep_their_own_errors(client):
    client.force_login(User.objects.create_superuser("alice"))
    answer = client.get("/admin/nowhere/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
