"""The questions of docs/neo4j.md, asked on what the lane recorded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity.clock import DAY, SECOND
from identity.models import Profile
from identity.profiles import showing
from tests.docs.examples import blocks
from tests.environment import STORES
from tests.road import Road
from tests.stores import cypher

if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)

pytestmark = [pytest.mark.django_db, pytest.mark.stores]


def ask(position: int, **parameters: Any) -> list[dict[str, Any]]:
    """Run one of the document's questions; return its rows, times as text."""
    question = [block.text for block in blocks("docs/neo4j.md") if block.language == "cypher"]
    return [
        {
            name: str(value) if hasattr(value, "iso_format") else value
            for name, value in row.items()
        }
        for row in cypher(question[position], **parameters)
    ]


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    """Let alice look around, sign in and buy in the shop, and show up in the app; bob is seen by the shop alone."""
    road = Road(tmp_path)
    app = road.make_source("app", "app")
    road.receive({"type": "page", "anonymousId": "browser"})
    road.now += SECOND
    road.receive(
        {"type": "identify", "anonymousId": "browser", "userId": "alice"},
        {"event": "Product Viewed", "anonymousId": "bobs", "userId": "bob"},
    )
    road.now += DAY
    road.receive({"event": "Order Completed", "userId": "alice", "properties": {"order_id": "o"}})
    road.receive({"event": "App Opened", "userId": "alice", "anonymousId": "phone"}, source=app)
    road.run()
    while showing.show(road.store, epoch=road.loop.epoch):
        pass
    yield road
    road.writer.close()


def alice() -> str:
    return Profile.objects.get(identifiers__key="user_id:alice").uid


def test_the_last_contacts_of_a_person(road: Road) -> None:
    rows = ask(0, profile=alice())
    assert {row["event"] for row in rows[:2]} == {"App Opened", "Order Completed"}
    assert [row["owner"] for row in rows] == [*["user_id:alice"] * 3, "anonymous_id:browser"]
    assert rows[0]["at"].startswith("2026-09-")


def test_why_two_identifiers_are_one_person(road: Road) -> None:
    [row] = ask(1, one="anonymous_id:browser", other="anonymous_id:phone")
    assert row == {
        "identifiers": ["anonymous_id:browser", "user_id:alice", "anonymous_id:phone"],
        "touchpoints": [1, 1],
    }
    assert ask(1, one="anonymous_id:browser", other="user_id:bob") == []


def test_the_identifiers_with_the_most_people_around_them(road: Road) -> None:
    people = [f"user_id:{number}" for number in range(60)]
    for person in people:
        road.receive({"type": "identify", "userId": person, "anonymousId": "kiosk"})
    road.run()
    first, *_ = ask(2)
    assert first == {"identifier": "anonymous_id:kiosk", "people": 60, "hub": True}


def test_how_many_people_two_sources_saw(road: Road) -> None:
    shop = road.source.pk
    app = max(row["source"] for row in cypher("MATCH (t:Touchpoint) RETURN t.source AS source"))
    assert ask(3, one=shop, other=app) == [{"people": 1}]
    assert ask(3, one=shop, other=app + 1) == [{"people": 0}]


def test_a_persons_touchpoints_per_day_and_channel(road: Road) -> None:
    rows = ask(4, profile=alice())
    assert sum(row["touchpoints"] for row in rows) == 4
    assert [row["day"] for row in rows] == sorted(row["day"] for row in rows)
    assert len({row["day"] for row in rows}) == 2
