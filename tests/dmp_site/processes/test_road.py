"""Who enters what, through all stages of the real lane; and a graph store that is away."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from activation.audiences import services
from activation.audiences.models import Audience, Membership
from identity.clock import HOUR
from identity.graph.port import StoreAway
from identity.models import Identifier, Lane, SetAside
from identity.touchpoints.types import Mode
from journeys.enrolments.models import Enrolment
from tests.environment import STORES
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave, wait
from tests.road import Road

NEVER_BOUGHT = {"not": {"did": "Order Completed", "within_days": 30}}
HAS_BOUGHT = {"counter": "orders", "op": "ge", "value": 1}


def entering(road: Road, rule: dict[str, Any]) -> Audience:
    """Make an audience, and a journey that everybody who enters it enters each time."""
    audience = services.create("some", rule=rule, actor="tests", now=road.now)
    services.publish(audience.pk, actor="tests", now=road.now)
    nodes = {"in": documents.audience_entry(audience.pk), "w": wait("P9D"), "out": leave()}
    world.published(journey(nodes, "in w", "w out", re_entry={"mode": "always"}))
    road.run()
    return audience


def causes() -> list[str]:
    return list(Membership.objects.values_list("cause", flat=True))


def order(**who: str) -> dict[str, Any]:
    return {"event": "Order Completed", "properties": {"revenue": 5, "order_id": "o"}, **who}


def test_a_visitor_who_is_new_enters_a_journey_for_those_who_never_bought(road: Road) -> None:
    entering(road, NEVER_BOUGHT)
    road.receive({"type": "page", "anonymousId": "browser"})
    road.run()
    assert causes() == ["touchpoint"]
    assert Enrolment.objects.count() == 1


@pytest.mark.parametrize(
    "rule", [HAS_BOUGHT, {"did": "Order Completed", "within_days": 30}, NEVER_BOUGHT]
)
def test_signing_in_enters_nobody_again(road: Road, rule: dict[str, Any]) -> None:
    entering(road, rule)
    road.receive(
        {"type": "page", "anonymousId": "browser"}
        if "not" in rule
        else order(anonymousId="browser")
    )
    road.run()
    assert Enrolment.objects.count() == 1
    road.pass_time(HOUR)
    road.receive({"type": "identify", "anonymousId": "browser", "userId": "alice"})
    road.run()
    assert causes() == ["identity"]
    assert Enrolment.objects.count() == 1


def test_history_enters_no_journey_but_the_same_touchpoints_live_do(road: Road) -> None:
    entering(road, HAS_BOUGHT)
    world.published(documents.abandoned_cart(), "cart")
    cart = {"event": "Cart Viewed", "properties": {"cart_id": "c"}}
    road.receive(order(userId="alice"), cart | {"userId": "alice"}, mode=Mode.HISTORY)
    road.run()
    assert causes() == ["touchpoint"]
    assert not Enrolment.objects.exists()
    road.pass_time(9 * HOUR)
    assert not Enrolment.objects.exists()
    road.receive(order(userId="bob"), cart | {"userId": "bob"})
    road.run()
    assert sorted(Enrolment.objects.values_list("journey__name", flat=True)) == ["cart", "journey"]


def away() -> Any:
    raise OperationalError("the server closed the connection")


@pytest.mark.skipif(
    STORES == "neo4j", reason="breaks the store on SQL; test_lane_neo4j.py freezes a server"
)
def test_a_graph_store_that_is_away_is_waited_for_and_nothing_is_lost(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database of the store fails under it; the store says so in the port's words, and the lane sets nothing aside."""
    number = road.receive(order(userId="alice"))
    whole: Callable[..., Any] = road.store.record
    with monkeypatch.context() as broken:
        broken.setattr("identity.graph.sql_recording.record", lambda *_: away())
        for _ in range(3):
            with pytest.raises(StoreAway, match="does not answer"):
                road.loop.step()
    assert Lane.objects.get().live_position == 0
    assert not Identifier.objects.exists()
    assert road.store.record == whole
    road.run()
    assert Lane.objects.get().live_position == number
    assert Identifier.objects.count() == 1
    assert not SetAside.objects.exists()
