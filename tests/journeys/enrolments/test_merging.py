"""Merges and splits under a journey: each run stays with its owner identifier."""

from typing import Any

import pytest

from activation.deliveries.models import Delivery
from activation.deliveries.types import SendRequest
from identity.clock import HOUR, MINUTE
from identity.profiles.models import Profile
from identity.touchpoints.types import Mode
from journeys.enrolments.models import Enrolment
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave, send, wait
from tests.journeys.world import START, arrival, batch, move, person

pytestmark = pytest.mark.django_db


def plain() -> dict[str, Any]:
    nodes = {"in": documents.entry(), "w": wait(), "m": send(), "out": leave()}
    return journey(nodes, "in w", "w m", "m.sent out", re_entry={"mode": "always"})


def states() -> dict[str, tuple[str, str]]:
    rows = Enrolment.objects.order_by("pk").values_list("owner__key", "state", "reason")
    return {owner: (state, reason) for owner, state, reason in rows}


def two_inside() -> tuple[Profile, Profile]:
    alice, bob = person("user_id:alice"), person("user_id:bob")
    batch(START, arrival("user_id:alice", "Cart Viewed", START))
    at = START + 10 * MINUTE
    batch(at, arrival("user_id:bob", "Cart Viewed", at))
    return alice, bob


def test_the_later_run_is_suspended_by_a_merge_and_resumes_on_a_split() -> None:
    world.published(plain())
    alice, bob = two_inside()
    move("user_id:bob", alice)
    batch(START + 20 * MINUTE, moved=[alice])
    assert states() == {"user_id:alice": ("active", ""), "user_id:bob": ("suspended", "merged")}

    (request,) = world.wake(START + 2 * HOUR).requests
    world.answer(request, now=START + 2 * HOUR)
    batch(START + 3 * HOUR, moved=[alice])
    assert states()["user_id:bob"] == (
        "suspended",
        "merged",
    )  # the other is through; still one person

    move("user_id:bob", bob)
    (resumed,) = (
        batch(START + 4 * HOUR, moved=[alice, bob]).requests
        or world.wake(START + 4 * HOUR).requests
    )
    assert (resumed.node, resumed.profile) == ("m", bob.pk)


def test_a_merge_in_history_suspends_too() -> None:
    world.published(plain())
    alice, _bob = two_inside()
    move("user_id:bob", alice)
    batch(START + 20 * MINUTE, moved=[alice], mode=Mode.HISTORY)
    assert states()["user_id:bob"] == ("suspended", "merged")


def test_keyed_runs_are_rivals_per_key() -> None:
    world.published(documents.abandoned_cart())
    alice, bob = person("user_id:alice"), person("user_id:bob")
    batch(
        START,
        arrival("user_id:alice", "Cart Viewed", START, cart_id="c1"),
        arrival("user_id:alice", "Cart Viewed", START, cart_id="c2"),
        arrival("user_id:bob", "Cart Viewed", START + 1, cart_id="c2"),
        arrival("user_id:bob", "Cart Viewed", START + 1, cart_id="c3"),
    )
    move("user_id:bob", alice)
    batch(START + MINUTE, moved=[alice, bob])
    rows = Enrolment.objects.order_by("pk").values_list("owner__key", "key", "state")
    assert list(rows) == [
        ("user_id:alice", "c1", "active"),
        ("user_id:alice", "c2", "active"),
        ("user_id:bob", "c2", "suspended"),
        ("user_id:bob", "c3", "active"),
    ]


def test_who_entered_as_a_cookie_goes_on_as_the_person_it_belongs_to() -> None:
    world.published(plain())
    person("anonymous_id:a1")
    batch(START, arrival("anonymous_id:a1", "Cart Viewed", START))
    alice = person("user_id:alice")
    move("anonymous_id:a1", alice)
    batch(START + MINUTE, moved=[alice])
    (request,) = world.wake(START + HOUR).requests
    strongest = alice.identifiers.get(key="user_id:alice")
    assert (request.profile, request.owner) == (alice.pk, strongest.pk)
    assert Enrolment.objects.get().owner.key == "anonymous_id:a1"


def test_an_order_on_another_device_counts_once_the_devices_are_one_person() -> None:
    world.published(documents.abandoned_cart())
    alice = person("user_id:alice")
    person("anonymous_id:a1")
    batch(START, arrival("user_id:alice", "Cart Viewed", START, cart_id="c1"))
    bought = arrival("anonymous_id:a1", "Order Completed", START + MINUTE, cart_id="c1")
    batch(START + MINUTE, bought)
    assert states()["user_id:alice"] == ("active", "")
    move("anonymous_id:a1", alice)
    batch(START + 2 * MINUTE, moved=[alice])
    assert states()["user_id:alice"] == ("done", "bought")


def test_a_person_merged_while_inside_does_not_enter_twice() -> None:
    world.published(plain())
    alice = person("user_id:alice", "anonymous_id:a1")
    batch(START, arrival("anonymous_id:a1", "Cart Viewed", START))
    batch(START + 1, arrival("user_id:alice", "Cart Viewed", START + 1))
    assert Enrolment.objects.count() == 1
    assert Enrolment.objects.get().owner.profile_id == alice.pk


def test_nobody_known_is_the_cookie_that_entered() -> None:
    world.published(plain())
    person("anonymous_id:a1", "anonymous_id:a2")
    batch(START, arrival("anonymous_id:a2", "Cart Viewed", START))
    (request,) = world.wake(START + HOUR).requests
    assert Enrolment.objects.get().owner.key == "anonymous_id:a2"
    assert request.owner == Enrolment.objects.get().owner_id


def test_what_a_suspended_run_has_queued_is_held_back_until_the_split() -> None:
    nodes = {"in": documents.entry(), "m": send(), "w": wait("P1D"), "out": leave()}
    world.published(journey(nodes, "in m", "m.sent w", "w out"))
    alice, bob = person("user_id:alice"), person("user_id:bob")
    for at, name in ((START, "alice"), (START + 1, "bob")):
        (request,) = batch(at, arrival(f"user_id:{name}", "Cart Viewed", at)).requests
        queued(request)
        world.answer(request, now=at)
    move("user_id:bob", alice)
    batch(START + MINUTE, moved=[alice, bob])
    assert held() == {"user_id:alice": False, "user_id:bob": True}
    move("user_id:bob", bob)
    batch(START + 2 * MINUTE, moved=[alice, bob])
    assert held() == {"user_id:alice": False, "user_id:bob": False}


def queued(request: SendRequest) -> None:
    Delivery.objects.create(
        key=request.key,
        owner_id=request.owner,
        profile=request.profile,
        channel=request.channel,
        message_class=request.message_class,
        template_id=request.template,
        decision=1,
        ledger_key=request.key,
        status="queued",
        created_at=START,
        due_at=START,
        reserved_for=START,
    )


def held() -> dict[str, bool]:
    return dict(Delivery.objects.values_list("owner__key", "held"))
