"""What the lane survives: stores that are away, rows that are refused, rows that kill the process."""

import contextlib
import logging
import secrets
from collections.abc import Collection
from typing import Any

import pytest
from django.db import OperationalError

from dmp_site.console import checks
from dmp_site.processes.lane import IDLE
from dmp_site.processes.outages import away
from identity import postgres
from identity.clock import MINUTE
from identity.graph.port import StoreAway, StoreRefuses
from identity.graph.types import Recorded
from identity.models import Lane, SetAside
from identity.profiles import fold as fold_stage
from identity.profiles.types import Resolved
from identity.sql import execute, fetch
from identity.touchpoints import aside, lane
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.types import BatchContext, Mode, Touchpoint
from tests.dmp_site.processes.conftest import FailAt
from tests.dmp_site.processes.faults import Killed, deaths, people, viewed, work
from tests.environment import STORES
from tests.road import Road

DEADLY = {"event": "Deadly", "userId": "eve"}


class Store:
    """The graph store's door: closed to batches that `when` picks, with an error of the port."""

    def __init__(self, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
        self._record = road.store.record
        self.error: Exception | None = None
        self.most = 1_000_000
        monkeypatch.setattr(road.store, "record", self.record)

    def record(self, touchpoints: Collection[Touchpoint], **options: Any) -> Recorded:
        if self.error and len(touchpoints) <= self.most:
            raise self.error
        return self._record(touchpoints, **options)  # type: ignore[arg-type]


@pytest.fixture
def store(road: Road, monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(road, monkeypatch)


def outage(road: Road) -> None:
    with pytest.raises(Exception, check=away):  # noqa: B017 - it is checked
        road.run()


# --- A store that is away ---


def test_a_store_that_is_away_holds_everything_and_loses_nothing(road: Road, store: Store) -> None:
    store.error = StoreAway("the store does not answer")
    number = road.receive(viewed("alice"), viewed("bob"))
    for _ in range(3):
        outage(road)
    assert people() == set()
    assert Lane.objects.get().live_position == 0
    store.error = None
    road.run()
    assert people() == {"user_id:alice", "user_id:bob"}
    assert Lane.objects.get().live_position == number + 1
    assert not SetAside.objects.exists()


def test_an_outage_is_no_try_of_the_row_that_stood_alone_in_it(
    road: Road, store: Store, fail_at: FailAt
) -> None:
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    number = road.receive(DEADLY, viewed("alice"))
    store.error, store.most = StoreAway("the store does not answer"), 1
    for _ in range(5):
        outage(road)
    assert not SetAside.objects.filter(tries__gt=0).exists()
    store.error = None
    fail_at("Deadly", None)
    road.run()
    assert not SetAside.objects.exists()
    assert people() == {"user_id:eve", "user_id:alice"}
    assert Lane.objects.get().live_position == number + 1


def test_a_try_that_cannot_be_given_back_at_once_is_given_back_later(
    road: Road, store: Store, fail_at: FailAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    road.receive(DEADLY, viewed("alice"))
    store.error, store.most = StoreAway("the store does not answer"), 1
    give_back = aside.give_back

    def away(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(aside, "give_back", away)
    for _ in range(5):
        outage(road)
    monkeypatch.setattr(aside, "give_back", give_back)
    outage(road)
    assert not SetAside.objects.filter(tries__gt=0).exists()


@pytest.mark.django_db(transaction=True)
def test_the_lane_says_which_store_is_away_and_when_it_is_back(road: Road, store: Store) -> None:
    store.error = StoreAway("the store does not answer")
    road.receive(viewed("alice"))
    work(road.loop, 2)
    began = road.now
    road.now += MINUTE
    work(road.loop, 2)
    found = checks.the_lane(road.now)
    assert found.level == checks.Level.FAULT
    assert "60 s: StoreAway: the store does not answer" in found.what
    assert began < road.now
    store.error = None
    work(road.loop, 2)
    assert checks.the_lane(road.now).level == checks.Level.OK
    assert people() == {"user_id:alice"}


@pytest.mark.django_db(transaction=True)
def test_the_lane_asks_a_store_that_is_away_more_and_more_seldom(road: Road, store: Store) -> None:
    """And looks again after half a second when the next outage begins."""
    for outage in (1, 2):
        store.error = StoreAway("the store does not answer")
        road.receive(viewed(f"person-{outage}"))
        assert work(road.loop, 7) == [0.5, 1, 2, 4, 8, 10, 10]
        store.error = None
        assert work(road.loop, 2) == [0, IDLE]
    assert people() == {"user_id:person-1", "user_id:person-2"}


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_slow_gets_longer_each_time_and_so_does_the_lane(
    road: Road, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches the heartbeat knows how long the lane may be silent, before it is."""
    monkeypatch.setattr(road.store, "most_patience", 6)
    store.error = StoreAway("the store does not answer")
    road.receive(viewed("alice"))
    found = []
    for _ in range(5):
        work(road.loop, 1)
        found.append((road.store.patience, lane.patience()))
    assert found == [(2, 2), (4, 4), (6, 6), (6, 6), (6, 6)]
    silent = checks.LANE_SILENT + MINUTE
    assert "StoreAway" in checks.the_lane(road.now + silent).what
    assert "said nothing" in checks.the_lane(road.now + silent + MINUTE).what
    store.error = None
    work(road.loop, 1)
    assert (road.store.patience, lane.patience()) == (1, 1)
    assert people() == {"user_id:alice"}


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_takes_over_begins_as_usual(
    road: Road, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(road.store, "most_patience", 6)
    store.error = StoreAway("the store does not answer")
    road.receive(viewed("alice"))
    work(road.loop, 2)
    road.loop.lock.close()
    road.new_lane()
    assert (road.store.patience, lane.patience()) == (1, 1)


@pytest.mark.skipif(STORES != "sqlite", reason="an inbox in PostgreSQL is no file")
def test_an_inbox_that_cannot_be_read_is_waited_for(road: Road) -> None:
    road.receive(viewed("alice"))
    road.writer.close()
    path = road.directory / "inbox.sqlite3"
    kept = {each: each.rename(f"{each}.kept") for each in road.directory.glob(f"{path.name}*")}
    path.mkdir()  # SQLite cannot open that
    with pytest.raises(InboxAway):
        road.loop.step()
    work(road.loop, 3)
    assert "InboxAway" in Lane.objects.get().trouble
    path.rmdir()
    for each, moved in kept.items():
        moved.rename(each)
    road.writer = road.back_end.writer(lambda: road.now)
    work(road.loop, 3)
    assert Lane.objects.get().trouble == ""
    assert people() == {"user_id:alice"}


@pytest.mark.skipif(STORES == "sqlite", reason="SQLite has no server that ends connections")
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ends_is_opened_again(road: Road) -> None:
    road.receive(viewed("alice"))
    end_connection()
    outage(road)
    work(road.loop, 3)
    assert Lane.objects.get().trouble == ""
    assert people() == {"user_id:alice"}


def end_connection() -> None:
    """Let the server end the connection that Django has in this thread."""
    ((pid,),) = fetch("SELECT pg_backend_pid()")
    with contextlib.closing(postgres.connect("tests")) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


# --- A row that is refused ---


def test_a_store_that_refuses_a_row_has_it_set_aside(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = road.store.record

    def refusing(touchpoints: Collection[Touchpoint], **options: Any) -> Recorded:
        if any(each.event == "Refused" for each in touchpoints):
            raise StoreRefuses("index row size 3000 exceeds the maximum")
        return record(touchpoints, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(road.store, "record", refusing)
    refused = {"event": "Refused", "userId": "bob"}
    road.receive(viewed("alice"), refused, viewed("carol"), viewed("dave"))
    road.run()
    entry = SetAside.objects.get()
    assert (entry.state, entry.tries) == ("aside", aside.TRIES)
    assert "index row size" in entry.error
    assert people() == {"user_id:alice", "user_id:carol", "user_id:dave"}


def test_a_row_with_which_the_database_cannot_calculate_is_set_aside(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's word for it is the same kind of error as that for a file that is locked."""
    fold = fold_stage.fold

    def folding(resolved: Resolved, context: BatchContext) -> None:
        for each in resolved.arrivals:
            number = -(2**63) if each.touchpoint.event == "Deadly" else 1
            fetch("SELECT abs(CAST(%s AS bigint))", [number])
        fold(resolved, context)

    monkeypatch.setattr(fold_stage, "fold", folding)
    road.receive(viewed("alice"), DEADLY, viewed("bob"))
    road.run()
    entry = SetAside.objects.get()
    assert (entry.state, entry.tries) == ("aside", aside.TRIES)
    assert people() == {"user_id:alice", "user_id:bob"}


@pytest.mark.skipif(STORES == "sqlite", reason="SQLite takes a value of any length into an index")
def test_a_row_that_the_database_finds_too_long_is_set_aside(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's word for it is the same kind of error as that for a server that shuts down."""
    execute("CREATE TABLE tests_narrow (value text PRIMARY KEY)")
    fold = fold_stage.fold

    def folding(resolved: Resolved, context: BatchContext) -> None:
        for each in resolved.arrivals:
            long = each.touchpoint.event == "Deadly"
            value = secrets.token_hex(8_000 if long else 8)
            execute("INSERT INTO tests_narrow VALUES (%s)", [value])
        fold(resolved, context)

    monkeypatch.setattr(fold_stage, "fold", folding)
    road.receive(viewed("alice"), DEADLY, viewed("bob"))
    road.run()
    entry = SetAside.objects.get()
    assert (entry.state, entry.tries) == ("aside", aside.TRIES)
    assert "index row" in entry.error
    assert people() == {"user_id:alice", "user_id:bob"}


def test_a_row_with_a_nul_in_it_holds_nobody_up(road: Road) -> None:
    """SQLite keeps it, PostgreSQL refuses it: neither waits for it."""
    nul = viewed("eve", properties={"name": "a\0b"}, context={"traits": {"name": "a\0b"}})
    road.receive(viewed("alice"), nul, {"event": "Not\0ed", "userId": "eve"}, viewed("bob"))
    road.run()
    assert {"user_id:alice", "user_id:bob"} <= people()
    assert {entry.state for entry in SetAside.objects.all()} <= {"aside"}


def test_a_row_whose_people_cannot_be_grouped_without_it_is_set_aside_all_the_same(
    road: Road, fail_at: FailAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("no grouping today")

    fail_at("Deadly", ValueError("a row that cannot be folded"))
    monkeypatch.setattr("dmp_site.pipeline.regroup", broken)
    road.receive(viewed("alice"), DEADLY | {"anonymousId": "browser"}, viewed("bob"))
    road.run()
    entry = SetAside.objects.get()
    assert entry.state == "aside"
    assert "rebuild_graph" in entry.error
    assert people() == {"user_id:alice", "user_id:bob"}


# --- A row that kills the process ---


@pytest.mark.parametrize("mode", list(Mode))
def test_a_row_that_kills_the_lane_is_found_and_set_aside(
    road: Road, fail_at: FailAt, mode: Mode
) -> None:
    fail_at("Deadly", Killed())
    events = [viewed(f"person-{n}") for n in range(20)]
    first = road.receive(*events[:13], DEADLY, *events[13:], mode=mode)
    assert deaths(road) <= 9
    entry = SetAside.objects.get()
    assert (entry.number, entry.state) == (first + 13, "aside")
    assert "died" in entry.error
    assert len(people()) == 20


def test_a_row_of_history_that_kills_is_found_while_live_rows_come_in(
    road: Road, fail_at: FailAt
) -> None:
    """Live goes first, and says nothing about how careful history has to be."""
    fail_at("Deadly", Killed())
    events = [viewed(f"person-{n}") for n in range(40)]
    road.receive(*events[:31], DEADLY, *events[31:], mode=Mode.HISTORY)
    died = 0
    for round_ in range(100):
        if round_ % 2:
            road.receive(viewed(f"live-{round_}"))
        try:
            road.loop.step()
        except Killed:
            died += 1
            road.loop = road.new_lane()
    assert SetAside.objects.get().state == "aside"
    assert died <= 10
    assert len(people()) == 40 + 50


def test_a_retry_that_kills_is_set_aside_again(road: Road, fail_at: FailAt) -> None:
    fail_at("Deadly", ValueError("a row that cannot be folded"))
    number = road.receive(DEADLY)
    road.run()
    fail_at("Deadly", Killed())
    aside.retry(number, "user:1", road.now)
    assert deaths(road) == aside.TRIES
    entry = SetAside.objects.get()
    assert entry.state == "aside"
    assert "died" in entry.error
    fail_at("Deadly", None)
    aside.retry(number, "user:1", road.now)
    road.run()
    assert people() == {"user_id:eve"}
    assert not SetAside.objects.exists()


# --- What is told of it ---


@pytest.mark.skipif(STORES == "sqlite", reason="SQLite quotes no values")
def test_what_a_database_says_of_a_row_stands_in_no_log_and_in_no_list(
    road: Road, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL names the key that is there already; operators get the name of the constraint."""
    execute("CREATE TABLE tests_once (key text CONSTRAINT tests_once_is_once PRIMARY KEY)")
    key = secrets.token_hex(8)
    execute("INSERT INTO tests_once VALUES (%s)", [key])
    fold = fold_stage.fold

    def folding(resolved: Resolved, context: BatchContext) -> None:
        for each in resolved.arrivals:
            if each.touchpoint.event == "Deadly":
                execute("INSERT INTO tests_once VALUES (%s)", [key])
        fold(resolved, context)

    def broken(*_: object, **__: object) -> None:
        execute("INSERT INTO tests_once VALUES (%s)", [key])

    monkeypatch.setattr(fold_stage, "fold", folding)
    monkeypatch.setattr("dmp_site.pipeline.regroup", broken)
    road.receive(viewed("alice"), DEADLY | {"anonymousId": "browser"}, viewed("bob"))
    road.run()
    entry = SetAside.objects.get()
    assert "23505, tests_once_is_once" in entry.error
    assert "rebuild_graph" in entry.error
    assert key not in entry.error
    told = "\n".join(map(logging.Formatter().format, caplog.records))
    assert told.count("23505, tests_once_is_once") >= 3
    assert "in broken" in told, "the place where it was raised"
    assert key not in told
