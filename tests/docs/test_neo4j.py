"""What docs/neo4j.md says is in the graph, and its questions, asked on what the lane recorded."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity.clock import DAY, SECOND
from identity.graph.types import Decision, Verdict
from identity.models import Profile
from identity.profiles import showing
from identity.touchpoints import sources
from identity.touchpoints.types import Identifier
from tests.docs.examples import ROOT, blocks
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
    show_members(road)
    yield road
    road.writer.close()


def show_members(road: Road) -> None:
    while showing.show(road.store, epoch=road.loop.epoch):
        pass


def everybody_at_the_kiosk(road: Road) -> None:
    people = [f"user_id:{number}" for number in range(60)]
    for person in people:
        road.receive({"type": "identify", "userId": person, "anonymousId": "kiosk"})
    road.run()


def alice() -> str:
    return Profile.objects.get(identifiers__key="user_id:alice").uid


# A row of the table: a node with its labels or a relationship with its type, and what it has.
ROW = re.compile(r"^\| `(\(.*?\))` \| (.*) \|$", re.MULTILINE)
SHAPE = re.compile(r"\[:(\w+)\]|^\(:([\w:]+)\)$")
NODES = "CALL db.schema.nodeTypeProperties() YIELD nodeLabels, propertyName RETURN nodeLabels, propertyName"
RELATIONSHIPS = (
    "CALL db.schema.relTypeProperties() YIELD relType, propertyName RETURN relType, propertyName"
)

FURTHER = {"Unowned", "Aside", "Hub"}


def documented() -> dict[str, set[str]]:
    """Return the properties that the document names of each label, or labels, and type."""
    text = (ROOT / "docs/neo4j.md").read_text(encoding="utf-8")
    found = {}
    for pattern, said in ROW.findall(text):
        [(kind, labels)] = SHAPE.findall(pattern)
        found[kind or labels] = set(re.findall(r"`(\w+)`", said))
    return found


def stored() -> dict[str, set[str]]:
    """Return what Neo4j itself finds. A further label of a node brings no property of its own."""
    found: dict[str, set[str]] = defaultdict(set)
    for labels, name in (row.values() for row in cypher(NODES)):
        [base] = set(labels) - FURTHER
        found[":".join([base, *sorted(set(labels) & FURTHER)])] |= set()
        found[base] |= {name} - {None}
    for kind, name in (row.values() for row in cypher(RELATIONSHIPS)):
        found[kind.strip(":`")] |= {name} - {None}
    return found


def everything(road: Road) -> None:
    """Let a road bring a hub, a household, a decision, a touchpoint that is no evidence and one that is set aside, and show who is who."""
    everybody_at_the_kiosk(road)
    sources.change(road.source.pk, {"group_is_household": True}, road.now, actor="tests")
    two = {"externalIds": [{"id": "carol", "type": "user_id"}]}
    road.receive(
        {"type": "group", "userId": "alice", "groupId": "home"},
        {"event": "Product Viewed", "userId": "bob", "context": two},
        {"event": "Product Viewed", "userId": "dave"},
    )
    road.run()
    [touchpoint] = road.store.timeline([Identifier("user_id", "dave")], before=None, limit=1)
    road.store.set_aside([touchpoint.id], epoch=road.loop.epoch, aside=True)
    pair = Identifier("user_id", "alice"), Identifier("user_id", "bob")
    apart = Decision(*pair, Verdict.NEVER, number=1, at=road.now)
    road.store.decide({pair: [apart]}, epoch=road.loop.epoch)
    show_members(road)


def test_all_that_is_in_the_graph_is_documented_and_nothing_else(road: Road) -> None:
    everything(road)
    assert stored() == documented()


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
    everybody_at_the_kiosk(road)
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
