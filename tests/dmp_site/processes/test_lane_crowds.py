"""Touchpoints of a crowd wait for a turn of their own; in the end everything is as if they had not."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from benchmarks.road.digest import lines
from dmp_site.console import checks
from dmp_site.processes import crowds
from identity.clock import MINUTE, SECOND
from identity.graph.port import LaneSuperseded
from identity.graph.types import Recorded, Verdict
from identity.models import Batch, Crowd, Identifier, Lane, SetAside, Source
from identity.privacy import erasures
from identity.privacy.models import Consent
from identity.profiles import decisions, undecided
from identity.profiles import fold as fold_stage
from identity.profiles.models import ContactCount
from identity.profiles.rebuild import rebuild
from identity.touchpoints import aside, forgetting, waiting
from identity.touchpoints.types import Identifier as Named
from identity.touchpoints.types import Mode
from tests.dmp_site.processes.conftest import FailAt
from tests.dmp_site.processes.faults import Killed, people, viewed
from tests.road import Road
from tests.soaking import examples
from tests.stores import undone

MOST = 5  # links of a neighbourhood that is no crowd
Event = Mapping[str, Any]


@pytest.fixture(autouse=True)
def few_links(settings: Any) -> None:
    settings.CROWD_LINKS = MOST


def link(number: int, **more: object) -> Event:
    """Return the event that brings this link of one chain of browsers and devices."""
    device = {"device": {"id": f"device-{(number + 1) // 2}"}}
    return {
        "event": "Product Viewed",
        "anonymousId": f"shared-{number // 2}",
        "context": device,
        **more,
    }


def chain(*numbers: int) -> list[Event]:
    return [link(number) for number in numbers]


@pytest.fixture
def crowd(road: Road) -> Road:
    """Let a chain with one link too many come in; the next turn is a second away."""
    road.receive(*chain(*range(MOST + 1)))
    road.run()
    assert Crowd.objects.count() == 1
    return road


def more(*numbers: int, **told: object) -> list[Event]:
    """Return events that each bring another device to a browser of the crowd."""
    return [
        {
            "event": "Product Viewed",
            "anonymousId": f"shared-{number % 3}",
            "context": {"device": {"id": f"more-{number}"}},
            **told,
        }
        for number in numbers
    ]


def counted() -> int:
    return sum(ContactCount.objects.filter(event="Product Viewed").values_list("count", flat=True))


def finish(road: Road, turns: int = 50) -> None:
    """Let time pass until nothing waits."""
    for _ in range(turns):
        road.run()
        if not waiting.queue().touchpoints:
            return
        road.now += SECOND
    raise AssertionError("touchpoints wait for ever")


def test_a_crowds_touchpoints_wait_and_others_do_not(crowd: Road) -> None:
    number = crowd.receive(viewed("alice"), link(6), viewed("bob"))
    crowd.loop.step()
    assert people() >= {"user_id:alice", "user_id:bob"}
    assert counted() == 8
    assert Lane.objects.get().live_position == number + 2
    [row] = SetAside.objects.all()
    assert (row.number, row.state, row.crowd) == (number + 1, "waiting", Crowd.objects.get().pk)
    assert b"shared" not in bytes(row.payload)
    crowd.pass_time(SECOND)
    assert not SetAside.objects.exists()
    assert counted() == 9
    assert Identifier.objects.get(key="anonymous_id:shared-3").first_number == number + 1
    assert len({*Identifier.objects.filter(crowd__gt=0).values_list("profile_id", flat=True)}) == 1
    assert rebuild(crowd.store, now=None).agrees


def test_who_joins_a_crowd_waits_with_it_and_goes_on_alone_meanwhile(crowd: Road) -> None:
    crowd.receive(viewed("alice", anonymousId="shared-0"))
    crowd.loop.step()
    crowd.receive(viewed("alice"))
    crowd.loop.step()
    assert Identifier.objects.get(key="user_id:alice").crowd == 0
    finish(crowd)
    joined = Identifier.objects.get(key="user_id:alice")
    assert joined.crowd == Crowd.objects.get().pk
    assert joined.first_number == MOST + 2
    assert counted() == MOST + 3


def test_what_will_join_a_crowd_belongs_to_it_before_the_turn(crowd: Road) -> None:
    """Else it would grow, batch by batch, until it is a crowd itself; the first link ties it, and waits."""
    crowd.receive(*chain(*range(6, 10)), viewed("alice", anonymousId="hers"))
    crowd.loop.step()
    assert waiting.queue().touchpoints == 1
    found = dict(Identifier.objects.values_list("key", "crowd"))
    assert found["anonymous_id:shared-4"] == found["anonymous_id:shared-0"] > 0
    assert found["anonymous_id:hers"] == 0
    assert Crowd.objects.get().links == MOST + 1
    crowd.receive(link(10))
    crowd.loop.step()
    assert waiting.queue().touchpoints == 2
    finish(crowd)
    assert Crowd.objects.get().links == 11


def test_what_was_tied_to_a_crowd_by_nothing_in_the_end_is_free_after_its_own_turn(
    crowd: Road,
) -> None:
    wrong = crowd.make_source("wrong", "site")
    rows = [crowd.row(link(6), source=wrong), *map(crowd.row, chain(7, 8))]
    crowd.writer.append(rows, crowd.now)
    crowd.run()
    forgetting.ask(wrong.pk, actor="user:1", now=crowd.now)
    crowd.run()
    finish(crowd)
    assert Identifier.objects.get(key="anonymous_id:shared-4").crowd > 0
    crowd.receive(link(8))
    finish(crowd)
    assert Identifier.objects.get(key="anonymous_id:shared-4").crowd == 0
    crowd.receive(link(8))
    crowd.loop.step()
    assert not waiting.queue().touchpoints


def test_a_batch_reads_no_crowd(crowd: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    read, record = [], crowd.store.record

    def recorded(*arguments: Any, **options: Any) -> Recorded:
        found = record(*arguments, **options)
        read.append(max((len(each.links) for each in found.neighbourhoods), default=0))
        return found

    monkeypatch.setattr(crowd.store, "record", recorded)
    crowd.receive(*more(*range(6, 12)), viewed("alice", anonymousId="hers"))
    crowd.run()
    assert read == [1]
    finish(crowd)
    assert read[1:] == [12]


def test_waiting_costs_a_fixed_number_of_statements(crowd: Road) -> None:
    def statements(*events: Event) -> int:
        crowd.receive(*events)
        with CaptureQueriesContext(connection) as captured:
            crowd.loop.step()
        return len(captured)

    one = statements(viewed("alice"), *more(6))
    many = statements(*(viewed(f"more-{n}") for n in range(50)), *more(*range(7, 60)))
    assert many == one


def test_live_goes_before_history(crowd: Road) -> None:
    crowd.receive(*more(6, 7), mode=Mode.HISTORY)
    crowd.run()
    crowd.receive(*more(8))
    crowd.loop.step()
    crowd.now += SECOND
    crowd.loop.step()
    assert {*SetAside.objects.values_list("mode", flat=True)} == {"history"}
    finish(crowd)
    assert counted() == MOST + 4


@pytest.mark.parametrize(
    ("busy", "took", "rest"),
    [(True, 2.0, 78.0), (False, 2.0, 2.0), (True, 3600.0, 300.0), (True, 0.0, 1.0)],
)
def test_a_turn_that_took_long_is_seldom(busy: bool, took: float, rest: float) -> None:  # noqa: FBT001
    now, turns = 0.0, []

    class Slow:
        def take_waiting(self, horizon: int) -> int:
            nonlocal now
            turns.append(horizon)
            now += took
            return 1

    made = crowds.Crowds(Slow(), lambda: now)  # type: ignore[arg-type]
    assert made.run(1, busy=busy)
    now += rest - 0.1
    assert not made.run(2, busy=busy)
    now += 0.2
    assert made.run(3, busy=busy)
    assert turns == [1, 3]


# --- Nothing is lost, nothing counts twice ---


@pytest.mark.parametrize("place", ["before stage 1", "behind stage 1", "stage 3"])
def test_a_lane_that_dies_in_a_turn_loses_nothing_and_counts_nothing_twice(
    crowd: Road, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    crowd.receive(*more(*range(6, 12)))
    crowd.run()
    record, fold = crowd.store.record, fold_stage.fold

    def dying(*arguments: Any, **options: Any) -> Recorded:
        if place == "behind stage 1":
            record(*arguments, **options)
        raise Killed

    def dying_in_the_transaction(*arguments: Any) -> None:
        fold(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        if place == "stage 3":
            patched.setattr(fold_stage, "fold", dying_in_the_transaction)
        else:
            patched.setattr(crowd.store, "record", dying)
        crowd.now += SECOND
        with pytest.raises(Killed):
            crowd.run()
    assert waiting.queue().touchpoints == 6
    crowd.loop = crowd.new_lane()
    assert crowd.loop._claims.turn.limit == 3
    finish(crowd)
    assert counted() == 12
    assert rebuild(crowd.store, now=None).agrees


def test_a_lane_that_was_replaced_takes_no_turn(crowd: Road) -> None:
    crowd.receive(*more(6))
    crowd.run()
    old, crowd.loop = crowd.loop, crowd.new_lane()
    crowd.now += SECOND
    with pytest.raises(LaneSuperseded):
        old.step()
    finish(crowd)
    assert counted() == MOST + 2


def test_what_fails_alone_in_a_turn_is_set_aside_and_tried_again(
    crowd: Road, fail_at: FailAt
) -> None:
    number = crowd.receive(*more(6), *more(7, event="Deadly"), *more(8))
    crowd.run()
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    finish(crowd)
    [row] = SetAside.objects.all()
    assert (row.number, row.state, row.tries) == (number + 1, "aside", aside.TRIES)
    assert counted() == MOST + 3
    fail_at("Deadly", None)
    aside.retry(number + 1, "user:1", crowd.now)
    crowd.run()
    assert not SetAside.objects.exists()
    assert ContactCount.objects.filter(event="Deadly").count() == 1
    assert rebuild(crowd.store, now=None).agrees


def test_a_row_that_kills_lanes_in_a_turn_is_set_aside(crowd: Road, fail_at: FailAt) -> None:
    crowd.receive(*more(6, 7, 8), *more(9, event="Deadly"), *more(10, 11))
    crowd.run()
    fail_at("Deadly", Killed())
    crowd.now += SECOND
    for _ in range(40):
        try:
            finish(crowd)
        except Killed:
            crowd.loop = crowd.new_lane()
        else:
            break
    assert {*SetAside.objects.values_list("state", flat=True)} == {"aside"}
    assert counted() == MOST + 6


def test_a_touchpoint_that_is_sent_twice_while_it_waits_counts_once(crowd: Road) -> None:
    [again] = more(6, messageId="the same")
    crowd.receive(again, again)
    crowd.run()
    crowd.receive(again)
    finish(crowd)
    crowd.receive(again)
    finish(crowd)
    assert counted() == MOST + 2


# --- What happens to it meanwhile ---


def test_a_wish_is_kept_before_its_turn(crowd: Road) -> None:
    crowd.receive(*more(6, event="Unsubscribed", properties={"channel": "email"}))
    crowd.run()
    assert waiting.queue().touchpoints == 1
    assert [(each.purpose, each.channel, each.granted) for each in Consent.objects.all()] == [
        ("marketing", "email", False)
    ]


def test_who_is_erased_while_a_touchpoint_waits_does_not_come_back(crowd: Road) -> None:
    crowd.receive(*more(6, userId="eve"), *more(7))
    crowd.run()
    assert waiting.queue().touchpoints == 2
    erasures.ask(identifier=Named.of("user_id:eve"), actor="user:1", now=crowd.now)
    crowd.now += 1
    crowd.run()
    finish(crowd)
    assert "user_id:eve" not in people()
    assert counted() == MOST + 2


def test_an_erasure_takes_out_what_waits(crowd: Road) -> None:
    crowd.receive(*more(6, userId="eve"), *more(7))
    crowd.run()
    row = erasures.ask(identifier=Named.of("user_id:eve"), actor="user:1", now=crowd.now)
    crowd.run()
    row.refresh_from_db()
    assert row.removed["identity.setaside"] == 1
    assert waiting.queue().touchpoints == 1


def test_a_crowd_that_falls_apart_is_none_any_more_and_what_waits_goes_on(crowd: Road) -> None:
    brought = crowd.make_source("wrong", "site")
    crowd.receive(*chain(*range(20, 26)), source=brought)
    finish(crowd)
    crowd.receive(*more(6), link(25))
    crowd.run()
    assert {each.crowd for each in SetAside.objects.all()} == {1, MOST + 2}
    forgetting.ask(brought.pk, actor="user:1", now=crowd.now)
    crowd.run()
    assert [one.crowd and one.crowd.links for one in undecided.undecided({}).results] == [6]
    finish(crowd)
    assert rebuild(crowd.store, now=None).agrees


def test_what_waits_follows_its_crowd_into_another(crowd: Road) -> None:
    crowd.receive(*chain(*range(20, 26)))
    crowd.run()
    crowd.receive(link(26))
    crowd.run()
    [row] = SetAside.objects.all()
    assert row.crowd == MOST + 2
    decisions.ask(
        Verdict.ALWAYS,
        Named.of("anonymous_id:shared-0"),
        Named.of("anonymous_id:shared-10"),
        why="",
        actor="user:1",
        now=crowd.now,
    )
    crowd.loop.step()
    row.refresh_from_db()
    assert row.crowd == 1
    assert Crowd.objects.count() == 1


# --- For a human ---


def test_health_and_the_list_tell_how_many_wait_and_since_when(crowd: Road) -> None:
    began = crowd.now
    found = checks.CHECKS["crowds"](crowd.now)
    assert found is not None
    assert (found.level, "wait" in found.what) == (checks.Level.NOTICE, False)
    crowd.receive(*more(6, 7))
    crowd.loop.step()
    found = checks.CHECKS["crowds"](crowd.now + MINUTE)
    assert found is not None
    assert "2 of their touchpoints wait, the first for 60 seconds" in found.what
    [one] = undecided.undecided({}).results
    assert one.crowd is not None
    assert one.crowd.waiting == (2, began)


# --- Any stream ---

_names = st.sampled_from("abcd")
_events = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "userId": _names,
            "anonymousId": _names,
            "device": _names,
            "email": _names,
            "event": st.sampled_from(["Product Viewed", "Order Completed"]),
        },
    ).filter(lambda each: each.keys() - {"event"}),
    min_size=1,
    max_size=14,
)
_SUBJECTS = ("touchpoints", "identifiers", "links", "traits", "counters", "presence", "visits", "orders", "accounts", "vault", "consent")  # fmt: skip
_directories = itertools.count()


def _event(number: int, drawn: Mapping[str, str]) -> Event:
    who = {name: drawn[name] for name in ("userId", "anonymousId") if name in drawn}
    context: dict[str, Any] = {}
    if "device" in drawn:
        context["device"] = {"id": drawn["device"]}
    if "email" in drawn:
        context["traits"] = {"email": f"{drawn['email']}@shop.example"}
    order = {"order_id": str(number // 3), "revenue": number}
    return {
        "messageId": f"m{number}",
        "event": drawn.get("event", "Product Viewed"),
        "timestamp": f"2026-09-20T10:{number:02}:00Z",
        "properties": order if drawn.get("event") == "Order Completed" else {},
        "context": context,
        **who,
    }


def _outcome() -> dict[str, Any]:
    found = lines()
    return {
        "profiles": dict(Identifier.objects.values_list("key", "profile__uid")),
        "touchpoints taken": sum(
            Batch.objects.filter(kind__in=["touchpoints", "crowd"]).values_list(
                "touchpoints", flat=True
            )
        ),
        **{subject: found[subject] for subject in _SUBJECTS},
    }


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(25, soak=1_000),
)
@given(data=st.data(), drawn=_events)
def test_it_ends_as_if_nothing_had_waited(
    db: None, tmp_path: Any, settings: Any, data: st.DataObject, drawn: list[Mapping[str, str]]
) -> None:
    events = [_event(number, each) for number, each in enumerate(drawn)]
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=len(events), max_size=len(events)))
    passes = data.draw(st.lists(st.booleans(), min_size=len(events), max_size=len(events)))
    outcomes = []
    for most in (10**9, data.draw(st.integers(1, 4))):
        settings.CROWD_LINKS = most
        with undone():
            directory = tmp_path / str(next(_directories))
            directory.mkdir()
            road = Road(directory)
            Source.objects.filter(pk=road.source.pk).update(uuid=UUID(int=1))
            left: Iterable[Event] = iter(events)
            for size, long in zip(sizes, passes, strict=True):
                road.receive(*itertools.islice(left, size))
                road.run()
                if long:
                    road.pass_time(SECOND)
            finish(road)
            assert rebuild(road.store, now=None).agrees
            outcomes.append(_outcome())
            road.writer.close()
    assert outcomes[0] == outcomes[1]
