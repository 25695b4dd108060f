"""The lane's loop over real stores: order, fencing, rows that cannot be processed."""

from collections.abc import Callable

import pytest

from identity import stages
from identity.clock import from_datetime
from identity.graph.port import LaneSuperseded, StoreAway
from identity.graph.types import Recorded
from identity.models import Batch, Identifier, Lane, LaneCommand, SetAside, Source
from identity.touchpoints import aside, commands
from identity.touchpoints.types import Identifier as Known
from identity.touchpoints.types import Mode
from tests.road import Road


def viewed(person: str, **more: object) -> dict[str, object]:
    return {"event": "Product Viewed", "userId": person, **more}


def people() -> set[str]:
    return set(Identifier.objects.values_list("key", flat=True))


def test_a_touchpoint_becomes_a_profile_and_the_position_advances(road: Road) -> None:
    number = road.receive(viewed("alice", anonymousId="browser"))
    road.run()
    profiles = set(Identifier.objects.values_list("profile_id", flat=True))
    assert people() == {"user_id:alice", "anonymous_id:browser"}
    assert len(profiles) == 1
    assert Lane.objects.get().live_position == number


def test_between_batches_the_lane_is_at_no_stage(
    road: Road, reached: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who kills it there has hit none, whatever it did before."""
    behind_the_claim = []

    def look(_context: object) -> bool:
        behind_the_claim.append(reached())
        stages.reach("6 reserve")  # as a wake-up does
        return False

    monkeypatch.setattr(road.loop._clockwork, "run", look)
    road.receive(viewed("alice"))
    assert road.loop.step()
    assert (behind_the_claim, reached()) == ([stages.IDLE], stages.IDLE)

    def away(*_: object, **__: object) -> Recorded:
        assert reached() == "1 record"
        raise StoreAway("it does not answer")

    monkeypatch.setattr(road.store, "record", away)
    road.receive(viewed("bob"))
    with pytest.raises(StoreAway):
        road.loop.step()
    assert reached() == stages.IDLE


def test_live_goes_before_history(road: Road) -> None:
    road.receive(*[viewed(f"past-{n}") for n in range(20)], mode=Mode.HISTORY)
    road.receive(viewed("alice"))
    road.loop.step()
    assert people() == {"user_id:alice"}
    road.run()
    assert len(people()) == 21


def test_a_batch_remembers_its_time_and_range(road: Road) -> None:
    first = road.receive(viewed("alice"), viewed("bob"))
    road.run()
    batch = Batch.objects.get()
    assert (batch.first_number, batch.last_number, batch.touchpoints) == (first, first + 1, 2)
    assert from_datetime(batch.now) == road.now
    assert batch.epoch == road.loop.epoch


def test_a_lane_that_was_replaced_writes_nothing_in_either_store(road: Road) -> None:
    old = road.loop
    road.loop = road.new_lane()
    road.receive(viewed("alice"))
    with pytest.raises(LaneSuperseded):
        old.step()
    assert people() == set()
    assert Lane.objects.get().live_position == 0
    road.run()
    assert people() == {"user_id:alice"}


def test_a_lane_replaced_between_the_two_stores_counts_nothing_twice(road: Road) -> None:
    """It recorded its batch in the graph and was replaced before the Django transaction."""
    road.receive(viewed("alice"))
    old, record = road.loop, road.store.record

    def replaced_after_recording(*arguments: object, **options: object) -> Recorded:
        recorded = record(*arguments, **options)  # type: ignore[arg-type]
        road.loop = road.new_lane()
        return recorded

    road.store.record = replaced_after_recording  # type: ignore[method-assign]
    with pytest.raises(LaneSuperseded):
        old.step()
    road.store.record = record  # type: ignore[method-assign]
    assert people() == set()
    road.run()
    assert people() == {"user_id:alice"}
    assert Batch.objects.count() == 1


def test_one_unreadable_row_among_many_is_set_aside_and_the_others_count(road: Road) -> None:
    road.receive(*[viewed(f"early-{n}") for n in range(7)])
    number = road.receive_raw(b"no payload of ours, long enough to look like one")
    road.receive(*[viewed(f"late-{n}") for n in range(5)])
    road.run()
    assert len(people()) == 12
    entry = SetAside.objects.get()
    assert (entry.number, entry.state, entry.tries) == (number, "aside", aside.TRIES)
    assert "decrypted" in entry.error
    assert Lane.objects.get().live_position == number + 5


def test_a_row_set_aside_is_taken_again_under_its_own_number(road: Road) -> None:
    gone = road.make_source("closed shop", "site")
    number = road.receive(viewed("alice"), source=gone)
    row = Source.objects.filter(pk=gone.pk).values().get()
    Source.objects.filter(pk=gone.pk).delete()
    road.run()
    assert SetAside.objects.get().state == "aside"
    assert people() == set()

    Source.objects.create(**row)
    aside.retry(number, "user:1", road.now)
    road.run()
    assert people() == {"user_id:alice"}
    assert Identifier.objects.get().first_number == number
    assert not SetAside.objects.exists()
    assert Lane.objects.get().live_position == number


def test_a_retry_that_fails_again_stays_set_aside_with_the_reason(road: Road) -> None:
    number = road.receive_raw(b"no payload of ours, long enough to look like one")
    road.run()
    aside.retry(number, "user:1", road.now)
    road.run()
    entry = SetAside.objects.get()
    assert entry.state == "aside"
    assert entry.error


def test_a_command_that_nobody_knows_is_refused_with_a_reason(road: Road) -> None:
    commands.enqueue("make.coffee", {}, "user:1", road.now)
    road.run()
    command = LaneCommand.objects.get()
    assert command.done_at is not None
    assert "make.coffee" in command.error


def test_a_duplicate_that_arrives_later_counts_once(road: Road) -> None:
    road.receive(viewed("alice", messageId="same"))
    road.run()
    first = Identifier.objects.get().first_number
    road.receive(viewed("alice", messageId="same"), viewed("alice", messageId="same"))
    road.run()
    assert Identifier.objects.get().first_number == first
    assert len(road.store.timeline([Known.of("user_id:alice")], before=None, limit=10)) == 1
