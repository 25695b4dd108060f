"""Journeys over REST."""

from typing import Any

import pytest
from django.test import Client

from dmp_site import apikeys
from journeys.publishing.models import Journey
from tests.journeys import documents, world

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(client: Client) -> Any:
    world.templates()
    key = apikeys.create("tests", ["journeys:read", "journeys:write"], 1, actor="tests")[1]

    def _call(method: str, path: str, body: Any = None, **headers: str) -> Any:
        return client.generic(
            method,
            f"/api/v1/{path}",
            documents.as_json(body) if body is not None else b"",
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}", **headers},
        )

    return _call


def make(call: Any, document: Any) -> Any:
    answer = call("POST", "journeys", {"name": "Carts", "draft": document})
    assert answer.status_code == 201, answer.content
    return answer


def test_a_draft_is_saved_with_its_etag_and_a_stale_one_is_refused(call: Any) -> None:
    made = make(call, documents.abandoned_cart())
    path, etag = f"journeys/{made.json()['id']}", made.headers["ETag"]
    changed = {"draft": documents.abandoned_cart(priority=5), "name": "Baskets"}
    saved = call("PUT", path, changed, **{"If-Match": etag})
    assert (saved.status_code, saved.json()["name"]) == (200, "Baskets")
    refused = call("PUT", path, changed, **{"If-Match": etag})
    assert (refused.status_code, refused.json()["code"]) == (409, "draft_changed")
    assert call("GET", path).json()["draft"]["settings"]["priority"] == 5


def test_publishing_an_incomplete_draft_names_nodes_and_fields(call: Any) -> None:
    document = documents.abandoned_cart()
    document["nodes"]["mail"]["config"]["template"] = None
    made = make(call, document)
    assert [one["node"] for one in made.json()["problems"]] == ["mail"]
    refused = call("POST", f"journeys/{made.json()['id']}/publish", {})
    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_definition"
    assert refused.json()["problems"] == [
        {"node": "mail", "field": "config.template", "message": "a send needs a template"}
    ]


def test_the_life_of_a_journey(call: Any) -> None:
    path = f"journeys/{make(call, documents.abandoned_cart()).json()['id']}"
    assert call("POST", f"{path}/publish", {}).json()["number"] == 1
    for verb, body, state in (
        ("pause", {}, "paused"),
        ("resume", {}, "live"),
        ("stop", {"mode": "drain"}, "draining"),
        ("stop", {"mode": "eject"}, "ejecting"),
    ):
        assert call("POST", f"{path}/{verb}", body).json()["state"] == state
    refused = call("POST", f"{path}/pause", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert call("POST", f"{path}/stop", {"mode": "explode"}).status_code == 400
    assert call("DELETE", path).status_code == 409
    (version,) = call("GET", f"{path}/versions").json()["results"]
    assert version["definition"]["nodes"]["mail"]["ports"][0] == "sent"
    assert call("GET", f"{path}/people").json()["results"] == []


def test_an_unpublished_journey_can_be_deleted(call: Any) -> None:
    path = f"journeys/{make(call, {}).json()['id']}"
    assert call("DELETE", path).status_code == 204
    assert call("GET", path).status_code == 404


def test_the_schema_is_published(call: Any) -> None:
    assert call("GET", "journeys/schema").json()["title"] == "Journey"


def test_nothing_without_the_scope(client: Client) -> None:
    key = apikeys.create("tests", ["journeys:read"], 1, actor="tests")[1]
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/v1/journeys", headers=headers).status_code == 200
    answer = client.post(
        "/api/v1/journeys", {"name": "x"}, content_type="application/json", headers=headers
    )
    assert answer.status_code == 403
    assert not Journey.objects.exists()


def test_the_runs_of_a_profile_and_their_timelines_are_read_in_pages(call: Any) -> None:
    world.published(documents.abandoned_cart())
    alice = world.person("user_id:alice")
    carts = ("c1", "c2", "c3")
    for cart in carts:
        world.batch(
            world.START, world.arrival("user_id:alice", "Cart Viewed", world.START, cart_id=cart)
        )
    page = call("GET", f"profiles/{alice.uid}/journeys?limit=2").json()
    rest = call("GET", f"profiles/{alice.uid}/journeys?cursor={page['next']}").json()
    rows = page["results"] + rest["results"]
    assert [row["key"] for row in rows] == ["c3", "c2", "c1"]
    steps = call("GET", f"enrolments/{rows[0]['id']}/steps").json()["results"]
    assert [step["node"] for step in steps] == ["in", "order"]
    unknown = "00000000-0000-0000-0000-000000000000"
    assert call("GET", f"profiles/{unknown}/journeys").status_code == 404
