"""Journeys in the console."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from journeys.publishing.models import Journey
from tests.journeys import documents, world

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/journeys/journey/", "/admin/journeys/journey/add/"


@pytest.fixture
def console(client: Client) -> Client:
    world.templates()
    client.force_login(User.objects.create_superuser("alice"))
    return client


def form(document: Any, name: str = "Carts", **more: Any) -> dict[str, Any]:
    inline = {f"versions-{name}": 0 for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return {"name": name, "draft": json.dumps(document), **inline, **more}


def test_a_draft_is_written_as_json_and_its_faults_are_shown(console: Client) -> None:
    document = documents.abandoned_cart()
    document["nodes"]["mail"]["config"]["template"] = None
    assert console.post(ADD, form(document)).status_code == 302
    journey = Journey.objects.get()
    page = console.get(f"{LIST}{journey.pk}/change/").content.decode()
    assert "a send needs a template" in page


def test_a_save_over_somebody_elses_is_refused(console: Client) -> None:
    console.post(ADD, form(documents.abandoned_cart()))
    path = f"{LIST}{Journey.objects.get().pk}/change/"
    assert console.post(path, form({"nodes": {}}, read=1)).status_code == 302
    answer = console.post(path, form(documents.abandoned_cart(), read=1))
    assert "saved this journey meanwhile" in answer.content.decode()
    assert Journey.objects.get().draft == {"nodes": {}}


def test_actions_publish_pause_and_say_what_is_wrong(console: Client) -> None:
    console.post(ADD, form(documents.abandoned_cart()))
    journey = Journey.objects.get()

    def act(name: str) -> str:
        body = {"action": name, "_selected_action": [journey.pk]}
        console.post(LIST, body)
        journey.refresh_from_db()
        return journey.state

    assert act("resume") == "draft"
    assert act("publish") == "live"
    assert act("pause") == "paused"
    assert act("drain") == "draining"


def test_people_in_journeys_can_be_read_and_not_changed(console: Client) -> None:
    page = console.get("/admin/journeys/enrolment/")
    assert page.status_code == 200
    assert console.get("/admin/journeys/enrolment/add/").status_code == 403
