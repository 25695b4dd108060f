"""What the clock makes due: behind every row received before it, and past whatever raises."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from activation.audiences import building, live
from activation.audiences import services as audiences
from activation.audiences.models import Audience, Build, Membership, MembershipLog
from activation.deliveries import queue
from activation.deliveries.models import Delivery
from dmp_site.console import checks
from identity import clock
from identity.clock import DAY, HOUR, MINUTE, SECOND
from identity.models import LaneCommand, SetAside
from identity.touchpoints.types import Mode
from journeys import engine
from journeys.enrolments.models import Enrolment, Step
from journeys.publishing import services as journeys
from tests.content import template
from tests.journeys.documents import abandoned_cart, entry, journey, leave, send, wait
from tests.road import Road


def cart(person: str) -> dict[str, object]:
    return {
        "event": "Cart Viewed",
        "userId": person,
        "properties": {"cart_id": f"cart-of-{person}"},
    }


def order(person: str) -> dict[str, object]:
    return cart(person) | {"event": "Order Completed"}


def viewed(person: str) -> dict[str, object]:
    return {"event": "Product Viewed", "userId": person}


def publish(road: Road, document: dict[str, Any], name: str = "Cart") -> int:
    made = journeys.create(name, document, "tests", road.now)
    journeys.publish(made.pk, actor="tests", now=road.now)
    return made.pk


def audience(road: Road, name: str, rule: Any) -> Audience:
    made = audiences.create(name, rule=rule, actor="tests", now=road.now)
    return audiences.publish(made.pk, actor="tests", now=road.now)


def nodes() -> list[tuple[str, str]]:
    return list(Enrolment.objects.order_by("pk").values_list("node", "state"))


# --- Behind the inbox ---


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_who_bought_is_not_reminded_however_late_the_lane_is(road: Road, limit: int) -> None:
    """The time-out lies between two rows of a full claim; both were received before anybody looked."""
    publish(road, abandoned_cart(template("reminder", "Your cart")))
    road.receive(cart("alice"), cart("bob"))
    road.run()
    road.now += HOUR - MINUTE
    road.receive(viewed("alice"), viewed("bob"))
    road.now += 30 * SECOND
    road.receive(order("alice"))
    road.now += 10 * MINUTE
    road.receive(viewed("bob"))
    road.now += HOUR
    for care in road.loop.care.values():
        care.most = care.pace = care.few = limit
    road.run()
    assert Enrolment.objects.get(owner__key="user_id:alice").node == "thanks"
    assert Enrolment.objects.get(owner__key="user_id:bob").node == "mail"


def test_a_batch_in_halves_keeps_the_clock_behind_what_is_not_processed(
    road: Road, fail_at: Callable[[str, BaseException | None], None]
) -> None:
    publish(road, abandoned_cart(template("reminder", "Your cart")))
    road.receive(cart("alice"))
    road.run()
    road.now += HOUR - MINUTE
    road.receive(viewed("alice"))
    road.now += 30 * SECOND
    road.receive(order("alice"), {"event": "Deadly", "userId": "eve"})
    road.now += HOUR
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    road.run()
    assert SetAside.objects.get().state == "aside"
    assert nodes() == [("thanks", "done")]


def test_a_command_sees_the_clock_behind_the_inbox_too(road: Road) -> None:
    """A member is put in by hand while a row waits that keeps another window of hers open."""
    publish(road, abandoned_cart(template("reminder", "Your cart")))
    road.receive(cart("alice"))
    road.run()
    road.now += HOUR - MINUTE
    owner = Enrolment.objects.get().owner_id
    hand = audiences.create("By hand", kind="manual", actor="tests", now=road.now)
    audiences.publish(hand.pk, actor="tests", now=road.now)
    audiences.add_members(hand.pk, [owner], actor="tests", now=road.now)
    road.receive(order("alice"))
    road.now += HOUR
    road.run()
    assert nodes() == [("thanks", "done")]
    assert Membership.objects.filter(audience=hand).count() == 1


def test_history_starts_no_journey_and_sends_nothing(road: Road) -> None:
    mail = send(template=template("welcome", "Welcome"))
    document = journey({"in": entry(), "mail": mail, "out": leave()}, "in mail", "mail.sent out")
    publish(road, document)
    inside = audience(road, "Carts", {"did": "Cart Viewed", "within_days": 30})
    road.run()
    road.receive(cart("alice"), cart("bob"), mode=Mode.HISTORY)
    road.run()
    assert not Enrolment.objects.exists()
    assert not Delivery.objects.exists()
    assert Membership.objects.filter(audience=inside).count() == 2


def test_matches_are_kept_until_the_clock_has_come_by_however_late_it_is(road: Road) -> None:
    """After a night without a row each window ends at its own instant, also where matches have been cleared away since."""
    audience(road, "carts", {"did": "Cart Viewed", "at_least": 1, "within_days": 1})
    audience(road, "products", {"did": "Product Viewed", "at_least": 1, "within_days": 1})
    road.run()
    road.receive(viewed("alice"))
    road.run()
    road.pass_time(MINUTE)
    seen = road.now
    road.receive(cart("alice"))
    road.run()
    road.pass_time(30 * HOUR)
    left = dict(MembershipLog.objects.filter(entered=False).values_list("audience__slug", "at"))
    assert {slug: clock.from_datetime(at) for slug, at in left.items()} == {
        "products": seen - MINUTE + DAY,
        "carts": seen + DAY,
    }


# --- Past what raises ---


def break_engine(monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    advance = engine.advance

    def broken(definition: Any, place: Any, situation: Any, now: int) -> Any:
        if place.node == node and place.waiting is not None:
            raise ZeroDivisionError("this node was not foreseen")
        return advance(definition, place, situation, now)

    monkeypatch.setattr(engine, "advance", broken)


def two_waits(node: str) -> dict[str, Any]:
    return journey({"in": entry(), node: wait(), "out": leave()}, f"in {node}", f"{node} out")


def test_a_run_that_raises_is_failed_with_the_reason_and_the_others_wake_up(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(road, two_waits("bad"), "Bad")
    publish(road, two_waits("good"), "Good")
    road.receive(cart("alice"), cart("bob"))
    road.run()
    break_engine(monkeypatch, "bad")
    road.pass_time(HOUR)
    assert sorted(nodes()) == [("bad", "failed")] * 2 + [("out", "done")] * 2
    failed = Enrolment.objects.filter(state="failed").first()
    assert failed is not None
    assert "ZeroDivisionError: this node was not foreseen" in failed.reason
    assert Step.objects.filter(enrolment=failed, reason__contains="not foreseen").exists()
    found = checks.broken(road.now)
    assert found.level == checks.Level.NOTICE
    assert "2 people in journeys" in found.what


def test_a_wake_up_that_the_database_refuses_is_found_and_the_others_go_on(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine answers; what fails comes later, in the statements of the whole slice."""
    mail = send(template=template("reminder", "Your cart"))
    document = journey(
        {"in": entry(), "pause": wait(), "mail": mail, "out": leave()},
        "in pause",
        "pause mail",
        "mail.sent out",
        "mail.unreachable out",
        "mail.capped out",
    )
    publish(road, document)
    road.receive(*[cart(f"person-{n}") for n in range(9)])
    road.run()
    bad = Enrolment.objects.get(owner__key="user_id:person-4").pk
    dispatch = queue.dispatch

    def refusing(requests: Any, *rest: Any) -> Any:
        if any(each.key.startswith(f"{bad}:") for each in requests):
            raise ValueError("a NUL in the text")
        return dispatch(requests, *rest)

    monkeypatch.setattr(queue, "dispatch", refusing)
    road.pass_time(HOUR)
    assert Enrolment.objects.get(pk=bad).state == "failed"
    assert "a NUL" in Enrolment.objects.get(pk=bad).reason
    assert Enrolment.objects.filter(state="done").count() == 8
    noted = LaneCommand.objects.get(broke=True)
    assert (noted.kind, noted.payload["culprit"]) == ("clock.failed", f"enrolment {bad}")


def test_an_audience_whose_rule_raises_is_asked_no_more_and_the_others_go_on(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = audience(road, "Bad", {"did": "Cart Viewed", "within_days": 1})
    good = audience(road, "Good", {"did": "Cart Viewed", "within_days": 1})
    road.run()
    road.receive(cart("alice"))
    road.run()
    assert set(Membership.objects.values_list("audience", flat=True)) == {bad.pk, good.pk}

    break_rule(monkeypatch, bad.pk)
    road.pass_time(DAY)
    assert set(Membership.objects.values_list("audience", flat=True)) == {bad.pk}
    assert Build.objects.get(audience=bad).failed == "ZeroDivisionError"
    assert not SetAside.objects.exists()
    assert "1 audiences" in checks.broken(road.now).what

    monkeypatch.undo()
    audiences.change(
        bad.pk, rule={"did": "Cart Viewed", "within_days": 2}, actor="tests", now=road.now
    )
    audiences.publish(bad.pk, actor="tests", now=road.now)
    road.run()
    assert Build.objects.get(audience=bad).failed == ""
    road.pass_time(DAY)
    assert not Membership.objects.exists()
    assert MembershipLog.objects.filter(audience=bad, entered=False).count() == 1


def test_a_touchpoint_is_not_blamed_for_a_rule_that_raises(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = audience(road, "Bad", {"did": "Cart Viewed", "within_days": 1})
    good = audience(road, "Good", {"did": "Cart Viewed", "within_days": 1})
    road.run()
    break_rule(monkeypatch, bad.pk)
    road.receive(cart("alice"))
    road.run()
    assert not SetAside.objects.exists()
    assert list(Membership.objects.values_list("audience", flat=True)) == [good.pk]
    assert Build.objects.get(audience=bad).failed


def break_rule(monkeypatch: pytest.MonkeyPatch, audience_id: int) -> None:
    """Let the compiled rule of one audience raise."""
    load = live.load

    def broken_load() -> Any:
        found = load()
        return replace(found, ruled=tuple(map(_broken, found.ruled)))

    def _broken(one: live.LiveAudience) -> live.LiveAudience:
        if one.id != audience_id:
            return one

        def raising(*_: object) -> bool:
            raise ZeroDivisionError("nothing to divide by")

        return replace(one, rule=replace(one.rule, holds=raising))

    monkeypatch.setattr(live, "load", broken_load)


def test_building_that_raises_rests_for_a_while_and_the_lane_works_on(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate, calls = building.populate, []

    def broken(*_: object) -> bool:
        calls.append(1)
        raise ZeroDivisionError("nothing to build with")

    monkeypatch.setattr(building, "populate", broken)
    road.receive(cart("alice"))
    for _ in range(20):
        road.loop.step()
    assert len(calls) < 20
    assert LaneCommand.objects.get(broke=True).payload["part"] == "building audiences"
    monkeypatch.setattr(building, "populate", populate)
    inside = audience(road, "Carts", {"did": "Cart Viewed", "within_days": 30})
    road.pass_time(MINUTE)
    assert Membership.objects.filter(audience=inside).count() == 1
