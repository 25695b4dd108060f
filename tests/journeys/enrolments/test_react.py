"""People enter, move and leave through the database."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from activation.audiences.models import Audience
from activation.audiences.types import MembershipChange
from activation.deliveries.types import Outcome
from identity.clock import DAY, HOUR, MINUTE, Instant
from identity.errors import DomainError
from identity.privacy.models import AuditEntry
from identity.profiles.types import Arrival, Cause
from identity.touchpoints.types import Mode
from journeys.enrolments import react
from journeys.enrolments.models import Enrolment, Sighting, Step
from journeys.publishing import services
from journeys.publishing.models import Journey
from journeys.publishing.services import InvalidDefinition
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave, send, wait, wait_for
from tests.journeys.world import START, arrival, batch, person, standing

pytestmark = pytest.mark.django_db


def viewed(key: str, at: Instant = START, cart: str = "c1", **more: Any) -> Arrival:
    return arrival(key, "Cart Viewed", at, cart_id=cart, **more)


def bought(key: str, at: Instant, cart: str = "c1") -> Arrival:
    return arrival(key, "Order Completed", at, cart_id=cart)


def test_a_trigger_lets_the_person_in_and_the_clock_sends() -> None:
    world.published(documents.abandoned_cart())
    alice = person("user_id:alice")
    assert not batch(START, viewed("user_id:alice")).requests
    assert not world.wake(START + HOUR - 1).requests

    (request,) = world.wake(START + HOUR).requests

    enrolment = Enrolment.objects.get()
    assert request.key == f"{enrolment.pk}:mail:1"
    assert (request.profile, request.owner) == (alice.pk, enrolment.owner_id)
    assert (request.channel, request.message_class, request.template) == ("email", "marketing", 1)
    assert request.due_at == START + HOUR
    world.answer(request)
    assert standing() == [("out", "done", "finished")]
    assert not world.wake(START + 9 * DAY).requests


def test_who_is_due_is_found_without_looking_at_who_is_not() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    waiting = Enrolment.objects.get()
    Enrolment.objects.bulk_create(_another(waiting, number) for number in range(5_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as asked:
        assert len(world.wake(START + HOUR).requests) == 1
    [wake] = [each["sql"] for each in asked if "wake_at <=" in each["sql"]]
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {wake}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "enrolment_wake" in plan
    whole = ("SCAN e", "SCAN d", "Seq Scan on journeys_enrolment")
    assert [scan for scan in whole if scan in plan] == []


def _another(waiting: Enrolment, number: int) -> Enrolment:
    """Return the same run once more, due in the days after."""
    return Enrolment(
        **{
            field.attname: getattr(waiting, field.attname)
            for field in Enrolment._meta.concrete_fields
            if not field.primary_key
        }
        | {"wake_at": START + DAY + number * MINUTE, "key": f"c{number + 2}"}
    )


def test_the_timeline_says_why_at_every_step() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = world.wake(START + HOUR).requests
    world.answer(request, Outcome.CAPPED, reason="3 of 3 in 7 days")
    assert world.timeline() == [
        ("in", "next", "entered by Cart Viewed"),
        ("order", "", "waits for a touchpoint"),
        ("order", "timeout", "nothing of it happened in time"),
        ("mail", "capped", "3 of 3 in 7 days"),
        ("mail", "", "capped: 3 of 3 in 7 days"),
    ]


def test_who_buys_gets_no_mail() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    batch(START + MINUTE, bought("user_id:alice", START + MINUTE))
    assert standing() == [("thanks", "done", "bought")]
    assert not world.wake(START + DAY).requests


def test_an_order_that_was_processed_before_its_basket_closes_it() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START + 2 * MINUTE, bought("user_id:alice", START + MINUTE))
    batch(START + 3 * MINUTE, viewed("user_id:alice", START, lag=2 * MINUTE))
    assert standing() == [("thanks", "done", "bought")]


def test_an_order_before_the_basket_does_not_close_it() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, bought("user_id:alice", START - 1))
    batch(START, viewed("user_id:alice", START))
    assert standing() == [("order", "active", "")]


def test_each_cart_has_a_run_of_its_own() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"), viewed("user_id:alice", cart="c2"))
    batch(START + MINUTE, bought("user_id:alice", START + MINUTE, cart="c2"))
    keys = list(Enrolment.objects.order_by("pk").values_list("key", "state"))
    assert keys == [("c1", "active"), ("c2", "done")]


def test_a_trigger_counts_once_however_often_it_comes_in_one_batch() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"), viewed("user_id:alice"))
    batch(START, viewed("user_id:alice"))
    assert Enrolment.objects.count() == 1


def test_a_trigger_that_is_too_old_starts_nothing() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START + 2 * HOUR, viewed("user_id:alice", START, lag=HOUR + 1))
    assert not Enrolment.objects.exists()
    batch(
        START + 9 * HOUR, viewed("user_id:alice", START, lag=HOUR)
    )  # long in the inbox: no matter
    assert Enrolment.objects.count() == 1


def test_history_starts_and_sends_nothing_but_is_remembered() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"), mode=Mode.HISTORY)
    assert not Enrolment.objects.exists()
    batch(START, viewed("user_id:alice"))
    assert not batch(
        START + MINUTE, bought("user_id:alice", START + MINUTE), mode=Mode.HISTORY
    ).requests
    assert not world.wake(START + HOUR).requests
    assert standing() == [("thanks", "done", "bought")]


@pytest.mark.parametrize(
    ("cause", "enters"),
    [(Cause.CLOCK, True), (Cause.HAND, True), (Cause.TOUCHPOINT, False), (Cause.IDENTITY, False)],
)
def test_what_the_clock_or_a_hand_did_is_no_history_whichever_batch_sees_it(
    cause: Cause, *, enters: bool
) -> None:
    audience = Audience.objects.create(name="a", slug="a", created_at=START, changed_at=START)
    nodes = {"in": documents.audience_entry(audience.pk), "w": wait(), "out": leave()}
    world.published(journey(nodes, "in w", "w out"))
    world.published(documents.abandoned_cart(), "cart")
    alice = person("user_id:alice")
    change = MembershipChange(audience.pk, alice.pk, True, START, cause)  # noqa: FBT003
    batch(START, viewed("user_id:alice"), changes=[change], mode=Mode.HISTORY)
    assert list(Enrolment.objects.values_list("journey__name", flat=True)) == ["journey"] * enters


def test_a_touchpoint_after_the_time_out_comes_too_late_though_seen_before_the_clock() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    steps = batch(START + HOUR + 5, bought("user_id:alice", START + HOUR + 1))
    assert [request.node for request in steps.requests] == ["mail"]


def test_a_deferred_send_asks_again_at_its_time_with_the_same_key() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = world.wake(START + HOUR).requests
    later = START + 5 * HOUR
    assert not world.answer(request, Outcome.DEFERRED, retry_at=later, reason="capped").requests
    assert not world.wake(later - 1).requests
    (again,) = world.wake(later).requests
    assert again.key == request.key
    world.answer(again, now=later)
    assert standing() == [("out", "done", "finished")]


def test_a_deferral_gives_up_after_its_time() -> None:
    document = documents.abandoned_cart()
    document["nodes"]["mail"] = send(when_capped="defer", give_up_after="PT2H")
    world.published(document)
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = world.wake(START + HOUR).requests
    assert request.give_up_at == START + 3 * HOUR
    world.answer(request, Outcome.DEFERRED, retry_at=START + 4 * HOUR, reason="full")
    assert standing() == [("mail", "done", "capped: gave up waiting for room: full")]


def test_a_capped_send_can_end_the_journey() -> None:
    document = documents.abandoned_cart()
    document["nodes"]["mail"] = send(when_capped="exit")
    world.published(document)
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = world.wake(START + HOUR).requests
    world.answer(request, Outcome.CAPPED, reason="3 of 3", when_capped=request.when_capped)
    assert standing() == [("mail", "done", "capped: 3 of 3")]


def test_a_capped_send_does_what_the_policy_says_when_the_step_says_nothing() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = world.wake(START + HOUR).requests
    assert request.when_capped == ""
    world.answer(request, Outcome.CAPPED, reason="3 of 3", when_capped="exit")
    assert standing() == [("mail", "done", "capped: 3 of 3")]


def test_a_capped_send_falls_back_to_the_other_channel_and_then_is_capped() -> None:
    world.other_channel("letter", template=9)
    document = documents.abandoned_cart()
    other = {"channel": "letter", "template": 9}
    document["nodes"]["mail"] = send(when_capped="fallback", fallback=other)
    world.published(document)
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (first,) = world.wake(START + HOUR).requests
    (second,) = world.answer(
        first, Outcome.CAPPED, reason="3 of 3", when_capped=first.when_capped
    ).requests
    assert (second.channel, second.template, second.due_at) == ("letter", 9, first.due_at)
    assert second.key != first.key
    assert second.key.startswith(first.key)
    world.answer(second, Outcome.CAPPED, reason="full too", when_capped=second.when_capped)
    assert standing() == [("mail", "done", "capped: full too")]
    assert "falls back to letter: 3 of 3" in [step.reason for step in Step.objects.all()]


def test_a_fallback_has_to_name_its_channel_and_template() -> None:
    document = documents.abandoned_cart()
    document["nodes"]["mail"] = send(when_capped="fallback")
    with pytest.raises(InvalidDefinition, match="say over which channel"):
        world.published(document)


def test_of_more_than_can_be_woken_at_once_the_important_journey_comes_first() -> None:
    world.published(documents.abandoned_cart(), "usual")
    world.published(documents.abandoned_cart(priority=5), "important")
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = react.wake(world.context(START + HOUR), 1).requests
    assert request.priority == 5


def test_urgent_sends_take_a_permission_to_publish_and_are_logged() -> None:
    document = documents.abandoned_cart()
    document["nodes"]["mail"] = send(urgent=True)
    with pytest.raises(DomainError) as refused:
        world.published(document)
    assert (refused.value.code, refused.value.status) == ("may_not_send_urgent", 403)
    journey = Journey.objects.get()
    services.publish(journey.pk, actor="carol", now=START, may_send_urgent=True)
    entry = AuditEntry.objects.get(action="journey.publish")
    assert (entry.actor, entry.detail["urgent"]) == ("carol", ["mail"])
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    (request,) = world.wake(START + HOUR).requests
    assert request.urgent


def reaction(kind: str) -> dict[str, Any]:
    match = {"event": "Email Opened", "of": "mail"}
    return journey(
        {
            "in": documents.entry(),
            "mail": send(),
            "opened": wait_for("P1D", yes=match),
            "slot": {"type": "site_slot", "config": {"slot": "hero", "content": {"name": kind}}},
            "second": send(template=2),
            "out": leave(),
        },
        "in mail",
        "mail.sent opened",
        "opened.yes slot",
        "opened.timeout second",
        "slot out",
        "second.sent out",
    )


@pytest.mark.parametrize(
    ("kind", "node"),
    [("human", "out"), ("machine_suspected", "opened"), ("proxy", "opened"), (None, "out")],
)
def test_only_a_human_open_is_a_reaction(kind: str | None, node: str) -> None:
    world.published(reaction("warm"))
    person("user_id:alice")
    (request,) = batch(START, viewed("user_id:alice")).requests
    world.answer(request, now=START)
    properties: dict[str, Any] = {"open_kind": kind} if kind else {}
    opened = arrival(
        "user_id:alice", "Email Opened", START + HOUR, delivery=request.key, **properties
    )
    batch(START + HOUR, opened)
    assert standing()[0][0] == node


@pytest.mark.parametrize(
    ("kind", "enters"),
    [("human", True), (None, True), ("machine_suspected", False), ("proxy", False)],
)
def test_only_a_human_open_lets_somebody_in(kind: str | None, *, enters: bool) -> None:
    node = documents.entry("Email Opened")
    world.published(journey({"in": node, "w": wait(), "out": leave()}, "in w", "w out"))
    person("user_id:alice")
    properties: dict[str, Any] = {"open_kind": kind} if kind else {}
    batch(START, arrival("user_id:alice", "Email Opened", START, **properties))
    assert Enrolment.objects.exists() is enters


def test_an_open_of_another_message_is_no_reaction() -> None:
    world.published(reaction("warm"))
    person("user_id:alice")
    (request,) = batch(START, viewed("user_id:alice")).requests
    world.answer(request, now=START)
    other = arrival("user_id:alice", "Email Opened", START + HOUR, delivery="999:mail:1")
    batch(START + HOUR, other)
    assert standing() == [("opened", "active", "")]


def test_who_was_in_enters_again_only_as_the_journey_says() -> None:
    nodes = {"in": documents.entry(), "out": leave()}
    person("user_id:alice")
    world.published(journey(nodes, "in out"), "never")
    world.published(journey(nodes, "in out", re_entry={"mode": "always"}), "always")
    world.published(journey(nodes, "in out", re_entry={"mode": "after", "gap": "P1D"}), "after")
    for at in (START, START + HOUR, START + DAY):
        batch(at, viewed("user_id:alice", at))
    names = Enrolment.objects.order_by("pk").values_list("journey__name", flat=True)
    assert sorted(names) == ["after", "after", "always", "always", "always", "never"]


@pytest.mark.parametrize(("lag", "enters"), [(HOUR, True), (HOUR + 1, False)])
def test_who_enters_an_audience_by_what_came_too_late_starts_no_journey(
    lag: Instant,
    enters: bool,  # noqa: FBT001
) -> None:
    audience = Audience.objects.create(name="a", slug="a", created_at=START, changed_at=START)
    world.published(
        journey(
            {"in": documents.audience_entry(audience.pk), "w": wait(), "out": leave()},
            "in w",
            "w out",
        )
    )
    alice = person("user_id:alice")
    change = MembershipChange(
        audience.pk, alice.pk, entered=True, at=START, cause=Cause.TOUCHPOINT
    )
    batch(START, arrival("user_id:alice", "Bought", START - lag, lag=lag), changes=[change])
    assert Enrolment.objects.exists() is enters


def test_entering_an_audience_lets_in_unless_it_was_identity_or_a_new_rule() -> None:
    audience = Audience.objects.create(name="a", slug="a", created_at=START, changed_at=START)
    world.published(
        journey(
            {"in": documents.audience_entry(audience.pk), "w": wait(), "out": leave()},
            "in w",
            "w out",
        )
    )
    people = {cause: person(f"user_id:{cause}") for cause in Cause}
    changes = [
        MembershipChange(audience.pk, profile.pk, entered=True, at=START, cause=cause)
        for cause, profile in people.items()
    ]
    changes.append(
        MembershipChange(
            audience.pk, person("user_id:gone").pk, entered=False, at=START, cause=Cause.CLOCK
        )
    )
    batch(START, changes=changes)
    entered = Enrolment.objects.values_list("owner__key", flat=True)
    assert set(entered) == {"user_id:touchpoint", "user_id:clock", "user_id:hand"}


def test_exits_and_goal_come_before_every_step() -> None:
    goal = {"match": {"event": "Order Completed"}, "window": "P2D"}
    exits = [{"on": "touchpoint", "match": {"event": "Unsubscribed"}}]
    document = journey(
        {"in": documents.entry(), "w": wait("P1D"), "m": send(), "out": leave()},
        "in w",
        "w m",
        "m.sent out",
        goal=goal,
        exits=exits,
    )
    world.published(document)
    person("user_id:alice")
    person("user_id:bob")
    batch(START, viewed("user_id:alice"), viewed("user_id:bob"))
    batch(START + HOUR, bought("user_id:alice", START + HOUR))
    batch(START + HOUR, arrival("user_id:bob", "Unsubscribed", START + HOUR))
    assert not world.wake(START + DAY).requests
    assert standing() == [
        ("w", "done", "the goal was reached"),
        ("w", "done", "Unsubscribed happened"),
    ]


def test_a_goal_counts_after_the_end_and_for_who_is_held_out() -> None:
    goal = {"match": {"event": "Order Completed"}, "window": "P2D"}
    nodes = {"in": documents.entry(), "out": leave()}
    world.published(journey(nodes, "in out", goal=goal), "all in")
    world.published(journey(nodes, "in out", goal=goal, holdout=100), "all out")
    person("user_id:alice")
    batch(START, viewed("user_id:alice"))
    assert standing() == [("out", "done", "finished"), ("in", "done", "held out")]
    batch(START + DAY, bought("user_id:alice", START + DAY))
    batch(START + 2 * DAY, bought("user_id:alice", START + 2 * DAY))
    rows = Enrolment.objects.order_by("pk").values_list("converted_at", "holdout", "watching")
    assert [(world.instant(at), held, watching) for at, held, watching in rows] == [
        (START + DAY, False, False),
        (START + DAY, True, False),
    ]


def test_the_same_batch_after_a_crash_gives_the_same() -> None:
    world.published(documents.abandoned_cart())
    person("user_id:alice")
    happened = [viewed("user_id:alice"), bought("user_id:alice", START + 1)]
    seen = []
    for last in (False, True):
        with transaction.atomic():
            steps = batch(START + 2, *happened)
            rows = Enrolment.objects.values_list("owner", "key", "place", "state", "wake_at")
            steps_ = Step.objects.values_list("node", "visit", "port", "reason")
            seen.append((steps, list(rows), list(steps_), Sighting.objects.count()))
            transaction.set_rollback(not last)
    assert seen[0] == seen[1]


def test_the_number_of_statements_does_not_depend_on_the_batch() -> None:
    world.published(documents.abandoned_cart())
    people = [f"user_id:{number}" for number in range(40)]
    for key in people:
        person(key)
    counted = []
    for group in (people[:1], people[1:3], people[3:]):  # the first batch also reads what is kept
        arrivals = [viewed(key) for key in group]
        with CaptureQueriesContext(connection) as captured:
            batch(START, *arrivals)
        counted.append(len(captured))
    assert counted[1] == counted[2]
