"""Commands that raise, what batches remember, and the fence round every transaction of a lane."""

import dataclasses
import itertools
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activation.audiences import members
from activation.audiences import services as audiences
from activation.pressure import services as pressure
from identity.clock import HOUR, from_datetime
from identity.graph.port import LaneSuperseded
from identity.models import Batch, Lane, LaneCommand, SetAside
from identity.profiles import resolve
from identity.touchpoints import aside, commands, lane
from identity.touchpoints.types import InboxRow, Mode
from journeys.publishing import services as journeys
from tests.content import template
from tests.dmp_site.processes.conftest import FailAt
from tests.dmp_site.processes.faults import Killed, people, viewed
from tests.journeys.documents import abandoned_cart
from tests.road import Road

CAP = {"limit": 3, "window": {"kind": "rolling", "seconds": 604800}}


def test_people_do_not_wait_for_many_slow_commands(road: Road) -> None:
    """Each takes a second: after one of them it is the touchpoints' turn again."""
    seconds = itertools.count()
    road.loop = dataclasses.replace(road.loop, stopwatch=lambda: next(seconds))
    for _ in range(3):
        commands.enqueue("make.coffee", {}, "user:1", road.now)
    for done in (1, 2, 3):
        name = f"user_id:{done}"
        road.receive(viewed(str(done)))
        road.loop.step()
        assert LaneCommand.objects.exclude(done_at=None).count() == done
        assert name in people()


# --- Commands that raise ---


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (members.ADD, {"nothing": "of what is expected"}),
        (aside.RETRY, {}),
    ],
)
def test_a_command_that_breaks_is_finished_with_the_error(
    road: Road, kind: str, payload: dict[str, object]
) -> None:
    commands.enqueue(kind, payload, "user:1", road.now)
    commands.enqueue("make.coffee", {}, "user:1", road.now)
    road.receive(viewed("alice"))
    road.run()
    broken, refused = LaneCommand.objects.order_by("pk")
    assert broken.done_at
    assert broken.broke
    assert "Error" in broken.error
    assert refused.done_at
    assert not refused.broke
    assert people() == {"user_id:alice"}


def test_a_command_is_done_and_marked_as_done_in_one_transaction(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    road.receive(viewed("alice"))
    road.run()
    made = audiences.create("By hand", kind="manual", actor="tests", now=road.now)
    audiences.publish(made.pk, actor="tests", now=road.now)
    owner = road.owner("user_id:alice")
    audiences.add_members(made.pk, [owner], actor="tests", now=road.now)
    finish = commands.finish

    def dying(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(commands, "finish", dying)
    with pytest.raises(Killed):
        road.run()
    assert not Batch.objects.filter(kind=members.ADD).exists()
    monkeypatch.setattr(commands, "finish", finish)
    road.run()
    assert Batch.objects.filter(kind=members.ADD).count() == 1


# --- Batches remember ---


def test_batches_remember_the_versions_that_they_used(road: Road, fail_at: FailAt) -> None:
    mail = template("reminder", "Your cart")
    rule = {"did": "Cart Viewed", "within_days": 1}
    inside = audiences.create("Carts", rule=rule, actor="tests", now=road.now)
    policy = pressure.create("Weekly", CAP, actor="tests", now=road.now)
    drawn = journeys.create("Cart", abandoned_cart(mail), "tests", road.now)
    expected: dict[str, object] = {
        "identity": 1,
        "policies": {},
        "audiences": {},
        "journeys": {},
    }

    def used() -> list[tuple[str, object]]:
        found = list(Batch.objects.order_by("pk").values_list("kind", "versions"))
        Batch.objects.all().delete()
        return found

    cart = {"event": "Cart Viewed", "userId": "alice", "properties": {"cart_id": "7"}}
    road.receive(cart)
    road.run()
    assert used() == [("touchpoints", expected)]

    audiences.publish(inside.pk, actor="tests", now=road.now)
    pressure.publish(policy.pk, actor="tests", now=road.now)
    journeys.publish(drawn.pk, actor="tests", now=road.now)
    road.run()  # the audience is built
    Batch.objects.all().delete()
    expected = {
        "identity": 1,
        "policies": {str(policy.pk): 1},
        "audiences": {str(inside.pk): 1},
        "journeys": {str(drawn.pk): [1]},
    }
    road.receive(cart)
    road.run()
    assert used() == [("touchpoints", expected)]
    road.pass_time(HOUR)
    assert ("clock", expected) in used()

    pressure.change(policy.pk, document={**CAP, "limit": 4}, actor="tests", now=road.now)
    pressure.publish(policy.pk, actor="tests", now=road.now)
    commands.enqueue(resolve.REGROUP, {"identifiers": ["user_id:alice"]}, "tests", road.now)
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    road.receive({"event": "Deadly", "userId": "eve"})
    road.run()
    expected["policies"] = {str(policy.pk): 2}
    assert used() == [("aside", expected), (resolve.REGROUP, expected)]


def test_batches_remember_their_horizon(road: Road) -> None:
    road.receive(viewed("alice"))
    road.now += 5
    road.receive(viewed("bob"))
    road.now += HOUR
    for care in road.loop.care.values():
        care.most = care.pace = care.few = 1
    road.run()
    first, second, *_ = Batch.objects.order_by("pk")
    assert from_datetime(first.horizon) == road.now - HOUR - 5
    assert from_datetime(second.horizon) == road.now - HOUR
    assert from_datetime(second.now) == road.now


def test_remembering_costs_the_same_for_a_large_batch_as_for_a_small_one(road: Road) -> None:
    counts = []
    road.run()
    for size in (2, 20):
        road.receive(*[viewed(f"{size}-{n}") for n in range(size)])
        with CaptureQueriesContext(connection) as queries:
            road.loop.step()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_batch_and_a_command_read_the_policy_once(road: Road) -> None:
    road.receive(viewed("alice", anonymousId="browser"))
    road.run()

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            road.loop.step()
        policy = "SELECT version, document FROM identity_identitypolicy"
        return sum(policy in each["sql"] for each in queries)

    road.receive(viewed("alice", anonymousId="other"), viewed("bob"))
    assert asked() == 1
    commands.enqueue(resolve.REGROUP, {"identifiers": ["user_id:alice"]}, "tests", road.now)
    assert asked() == 1


# --- The fence ---


@pytest.fixture
def replaced(road: Road) -> Callable[[], int]:
    """Return a function that replaces the lane and returns the old lane's epoch."""

    def replace() -> int:
        old = road.loop.epoch
        road.loop = road.new_lane()
        return old

    return replace


def row(road: Road) -> InboxRow:
    return InboxRow(7, road.source.pk, Mode.LIVE, road.now, b"sealed")


def test_a_lane_that_was_replaced_counts_no_tries(road: Road, replaced: Callable[[], int]) -> None:
    aside.trying(row(road), road.now, epoch=road.loop.epoch)
    old = replaced()
    with pytest.raises(LaneSuperseded):
        aside.trying(row(road), road.now, epoch=old)
    with pytest.raises(LaneSuperseded):
        aside.give_back(7, epoch=old)
    with pytest.raises(LaneSuperseded):
        lane.say("a store is away", road.now, epoch=old)
    assert SetAside.objects.get().tries == 1
    assert Lane.objects.get().trouble == ""


def test_a_lane_replaced_during_a_retry_leaves_it_to_the_next(road: Road, fail_at: FailAt) -> None:
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    number = road.receive({"event": "Deadly", "userId": "eve"})
    road.run()
    old = road.loop

    class Late(ValueError):
        """Raised by stage 3 of the old lane, after another one has taken over."""

        def __init__(self) -> None:
            super().__init__("too late")

    aside.retry(number, "user:1", road.now)
    fail_at("Deadly", Late())
    record = road.store.record

    def replaced_meanwhile(*arguments: object, **options: object) -> object:
        recorded = record(*arguments, **options)  # type: ignore[arg-type]
        road.loop = road.new_lane()
        return recorded

    road.store.record = replaced_meanwhile  # type: ignore[method-assign,assignment]
    try:
        with pytest.raises(LaneSuperseded):
            old.step()
    finally:
        road.store.record = record  # type: ignore[method-assign]
    assert SetAside.objects.get().state == "again"
    fail_at("Deadly", None)
    road.run()
    assert people() == {"user_id:eve"}
    assert not SetAside.objects.exists()
