"""A model's guesses on their whole way: the command, the lane, the graph, what people are shown, and back out."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from identity import graph
from identity.graph import documents
from identity.graph.policy import DEFAULT
from identity.graph.types import Link
from identity.models import Identifier, LaneCommand, Source
from identity.profiles import explain, rendering
from identity.profiles.policies import services as policies
from identity.touchpoints import door, forgetting
from identity.touchpoints.types import Identifier as Named
from identity.touchpoints.types import Mode
from tests.identity.touchpoints.matching import FAKE
from tests.road import Road

pytest.importorskip("splink", reason="needs Splink: pip install -r requirements/matching.txt")
pytestmark = [pytest.mark.slow, pytest.mark.stores]

SOME = 400  # records; Splink learns too little of fewer


@pytest.fixture
def road(road: Road, monkeypatch: pytest.MonkeyPatch) -> Road:
    """Let the policy know records, and what is posted to the collector come down this road."""
    document = documents.write(DEFAULT)
    document["namespaces"]["record_id"] = {"kind": "person", "priority": 2}
    policies.change(document, road.now, actor="tests")
    policies.apply(road.now, actor="tests")
    road.run()

    def collect(request: httpx.Request) -> httpx.Response:
        said = json.loads(request.content)
        source = Source.objects.get(pk=said["source"])
        road.receive(*said["events"], mode=Mode(said["mode"]), source=source)
        return httpx.Response(200, json={"success": True})

    @contextmanager
    def opened() -> Iterator[door.Door]:
        with httpx.Client(
            transport=httpx.MockTransport(collect), base_url="http://door"
        ) as client:
            yield door.Door(client)

    monkeypatch.setattr(door, "opened", opened)
    return road


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "customers.csv"
    lines = FAKE.read_text(encoding="utf-8").splitlines(keepends=True)
    made.write_text("".join(lines[: SOME + 1]), encoding="utf-8")
    return made


def guess(file: Path, *more: str) -> str:
    out = StringIO()
    named = ("--namespace", "record_id", "--key", "unique_id", "--quiet")
    call_command("link_records", str(file), *named, *more, stdout=out)
    return out.getvalue()


def links() -> list[Link]:
    found = graph.store().walk(size=100)
    return [link for block in found for each in block for link in each.links]


def homes() -> dict[str, Any]:
    return dict(Identifier.objects.values_list("key", "profile__uid"))


def test_guesses_become_links_of_their_own_source_and_can_be_taken_back(
    road: Road, file: Path, admin_client: Client
) -> None:
    said = guess(file)
    assert f"{SOME} records read, 0 of them bad" in said
    road.run()
    assert not LaneCommand.objects.exclude(error="").exists()
    source = Source.objects.get(name="Splink")
    made = links()
    assert len(made) > SOME / 2
    assert {link.source for link in made} == {source.pk}
    assert all(0.95 <= link.strength < 1 and link.count == 1 for link in made)
    assert {link.a.namespace for link in made} == {"record_id"}

    found = explain.explain(made[0].a, made[0].b)
    assert found.together
    shown = rendering.explanation(found)["chain"][0]["evidence"]
    assert [each["strength"] for each in shown] == [made[0].strength]

    profile = Identifier.objects.get(key=made[0].a.key).profile_id
    page = admin_client.get(reverse("admin:identity_profile_change", args=[profile]))
    assert f"A guess: {min(made[0].strength * 100, 99.9):.1f} % sure" in page.content.decode()

    guess(file)  # the same again
    road.run()
    assert sorted(links(), key=str) == sorted(made, key=str)

    forgetting.ask(source.pk, actor="tests", now=road.now)
    road.run()
    assert links() == []
    assert len(set(homes().values())) == len(homes())
    with pytest.raises(CommandError, match="forgotten"):
        guess(file)


def test_a_guess_parts_nobody_whom_evidence_joined(road: Road, file: Path) -> None:
    """Two records with a user id each are two people, however sure the model is."""
    for number, user in ((1, "alice"), (2, "bob")):
        record = [{"type": "record_id", "id": str(number)}]
        road.receive({"type": "identify", "userId": user, "context": {"externalIds": record}})
    road.run()
    guess(file)
    road.run()
    home = homes()
    assert home["user_id:alice"] == home["record_id:1"] != home["user_id:bob"]
    assert home["user_id:bob"] == home["record_id:2"]
    found = explain.explain(Named("record_id", "1"), Named("record_id", "2"))
    assert not found.together


def test_nothing_is_sent_when_nothing_is_asked(road: Road, file: Path) -> None:
    said = guess(file, "--dry-run", "--most", "dob=1", "--threshold", "0.5")
    road.run()
    numbers = re.search(r"(\d+) guesses, (\d+) of them within the limits", said)
    assert numbers is not None
    found, kept = map(int, numbers.groups())
    assert 0 < kept < found
    assert not Source.objects.filter(kind="model").exists()
    assert links() == []


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--namespace", "crm_id"), "take a namespace without"),
        (("--namespace", "nothing"), "knows no namespace"),
        (("--key", "number"), "no column 'number'"),
        (("--most", "shoe=1"), "shoe is no column"),
        (("--threshold", "1"), "a probability"),
        (("--most", "dob"), "COLUMN=N"),
        (("--source", "site"), "another kind"),
    ],
)
def test_what_cannot_be_is_refused(
    road: Road, file: Path, more: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        guess(file, *more)
    road.run()
    assert links() == []
