"""What the page is told to show."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from identity.clock import HOUR
from identity.touchpoints.public import Call, Reply
from journeys.enrolments import public
from journeys.publishing import services
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave
from tests.journeys.world import START, arrival, batch, move, person

pytestmark = pytest.mark.django_db


async def _record(_: Any) -> None:
    raise AssertionError("decisions record nothing")


async def _read(function: Callable[[], Any]) -> Any:
    return await sync_to_async(function)()


def ask(now: int = START, method: str = "GET", **query: str) -> Reply:
    call = Call(method, "/v1/decisions", query, {}, b"", now, _record, _read)
    (route,) = public.ROUTES
    assert method in route.methods
    return async_to_sync(route.handle)(call)


def shown(now: int = START, **query: str) -> Any:
    reply = ask(now, **{"anonymousId": "a1", **query})
    assert reply.status == 200
    return json.loads(reply.body)["slots"]


def personalise(slot: str, content: Any, *, event: str = "page", **settings: Any) -> Any:
    config = {"slot": slot, "content": content, **settings.pop("config", {})}
    nodes = {
        "in": documents.entry(event),
        "s": {"type": "site_slot", "config": config},
        "out": leave(),
    }
    return world.published(
        journey(nodes, "in s", "s out", re_entry={"mode": "always"}, **settings), slot
    )


def visit(key: str = "anonymous_id:a1", event: str = "page", at: int = START) -> None:
    batch(at, arrival(key, event, at))


def test_a_slot_is_shown_until_its_time() -> None:
    personalise("hero", {"title": "Hello"}, config={"lasts": "PT1H"})
    person("anonymous_id:a1")
    assert shown() == {}
    visit()
    assert shown() == {"hero": {"title": "Hello"}}
    assert shown(slots="other") == {}
    assert shown(START + HOUR - 1) != {}
    assert shown(START + HOUR) == {}


def test_the_highest_priority_decides_then_the_latest() -> None:
    personalise("hero", {"n": 1}, priority=5)
    personalise("hero", {"n": 2}, event="later")
    personalise("side", {"n": 3})
    personalise("side", {"n": 4}, event="later")
    person("anonymous_id:a1")
    visit()
    visit(event="later", at=START + 1)
    assert shown() == {"hero": {"n": 1}, "side": {"n": 4}}


def test_a_cookie_sees_what_was_decided_for_its_person_and_no_longer_after_a_split() -> None:
    personalise("hero", {"n": 1})
    alice = person("user_id:alice", "anonymous_id:a1")
    visit("user_id:alice")
    assert shown() == {"hero": {"n": 1}}
    other = person("user_id:bob")
    move("anonymous_id:a1", other)
    assert alice.pk != other.pk
    assert shown() == {}


def test_no_content_takes_a_slot_back_and_a_stopped_journey_shows_nothing() -> None:
    nodes = {
        "in": documents.entry("page"),
        "s": {"type": "site_slot", "config": {"slot": "hero", "content": {"n": 1}}},
        "w": documents.wait(),
        "t": {"type": "site_slot", "config": {"slot": "hero", "content": None}},
        "out": leave(),
    }
    made = world.published(
        journey(nodes, "in s", "s w", "w t", "t out", re_entry={"mode": "always"})
    )
    person("anonymous_id:a1")
    visit()
    assert shown() == {"hero": {"n": 1}}
    world.wake(START + HOUR)
    assert shown() == {}
    visit(at=START + HOUR)
    assert shown() == {"hero": {"n": 1}}
    services.eject(made.pk, actor="tests", now=START)
    assert shown() == {}


def test_only_an_anonymous_id_is_answered() -> None:
    personalise("hero", {"n": 1})
    person("user_id:alice", "anonymous_id:a1")
    visit()
    assert ask(userId="alice").status == 400
    assert json.loads(ask(anonymousId="alice").body) == {"slots": {}}
    assert json.loads(ask(anonymousId="null").body) == {"slots": {}}
    assert json.loads(ask(anonymousId="x" * 5_000).body) == {"slots": {}}
    assert json.loads(ask(anonymousId="\0").body) == {"slots": {}}
