"""Channels over REST."""

import json

import pytest

from activation.channels.models import ChannelConfig
from activation.channels.signing import read
from dmp_site import apikeys
from identity.privacy.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(client):
    key = apikeys.create("tests", ["channels:read", "channels:write"], 1, actor="tests")[1]

    def _call(method, path, body=None):
        return client.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body) if body is not None else b"",
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )

    return _call


def test_a_channel_that_fetches_is_added_and_changed(call):
    made = call("POST", "channels", {"name": "letter", "kind": "pull", "ack_within": 60})
    assert (made.status_code, made.json()["secrets"]) == (201, [])
    found = {row["name"]: row for row in call("GET", "channels").json()["results"]}
    assert set(found) == {"display", "email", "letter", "site"}
    assert (found["letter"]["built_in"], found["email"]["built_in"]) == (False, True)
    changed = call("PATCH", "channels/letter", {"enabled": False})
    assert (changed.json()["enabled"], changed.json()["ack_within"]) == (False, 60)
    by_key = AuditEntry.objects.filter(actor__startswith="key:").order_by("pk")
    actions = by_key.values_list("action", flat=True)
    assert list(actions) == ["channel.add", "channel.change"]


def test_a_webhook_shows_its_secret_and_changes_it_in_two_steps(call):
    body = {"name": "crm", "kind": "webhook", "url": "https://crm.example/hook"}
    [first] = call("POST", "channels", body).json()["secrets"]
    assert len(read(first)) == 32
    second, previous = call("POST", "channels/crm/secret").json()["secrets"]
    assert previous == first != second
    assert call("DELETE", "channels/crm/secret").json()["secrets"] == [second]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "email", "kind": "pull"}, "channel_exists"),
        ({"name": "crm", "kind": "pull", "addressed_by": "webhook"}, "bad_channel"),
        ({"name": "crm", "kind": "pull", "addressed_by": "user_id"}, "bad_channel"),
        ({"name": "crm", "kind": "webhook", "url": "ftp://x"}, "bad_address"),
        ({"name": "crm", "kind": "webhook"}, "bad_address"),
        ({"name": "crm", "kind": "webhook", "url": "https://u:p@crm.example/"}, "bad_address"),
    ],
)
def test_what_is_no_channel(call, body, code):
    assert call("POST", "channels", body).json()["code"] == code
    assert not ChannelConfig.objects.exists()


def test_a_built_in_channel_is_not_changed_here(call):
    assert call("PATCH", "channels/email", {"enabled": False}).status_code == 404
