"""The lane's lock in PostgreSQL: one holder, lost with its connection, taken from a lane that hangs."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from dmp_site.processes.lock import AdvisoryLock, application_of
from dmp_site.processes.standby import Watch, stand_by
from identity import postgres
from identity.graph.port import StoreAway
from identity.sql import fetch
from identity.touchpoints import lane
from tests.dmp_site.processes.faults import people, viewed
from tests.environment import STORES
from tests.road import Road

pytestmark = [
    pytest.mark.skipif(STORES == "sqlite", reason="needs PostgreSQL"),
    pytest.mark.django_db(transaction=True),
]

LIMIT = 30.0


@pytest.fixture
def lock() -> Iterator[Callable[[str], AdvisoryLock]]:
    """Return a function that makes the lock of a lane of that name."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(contextlib.closing(AdvisoryLock(name)))


Lock = Callable[[str], AdvisoryLock]


def kill(holder: int | None) -> None:
    """Let the server end this connection, and wait until it has."""
    fetch("SELECT pg_terminate_backend(%s, 5000)", [holder])


def test_one_lane_holds_it_and_gives_it_to_the_next_at_its_end(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    assert first.holder() is None
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == first.holder()
    first.close()
    assert second.acquire()
    assert second.held()


def test_who_loses_the_connection_loses_the_lock(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    first.acquire()
    kill(first.holder())
    assert not first.held()
    assert second.acquire()
    assert not first.held()
    with pytest.raises(StoreAway):
        first.acquire()


def test_a_lane_whose_lock_is_lost_ends_and_touches_nothing_more(road: Road, lock: Lock) -> None:
    held = lock("first")
    held.acquire()
    road.loop.lock = held
    road.receive(viewed("alice"))
    kill(held.holder())
    road.loop.run(threading.Event())  # nobody stops it
    assert people() == set()


def test_a_lane_that_hangs_is_cut_off_with_all_of_its_connections(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    first.acquire()
    with contextlib.closing(postgres.connect(application_of("first"))) as working:
        working.execute("SELECT 1")
        assert second.evict(first.holder())
        while not second.acquire():
            pass
        with pytest.raises(postgres.Error):
            working.execute("SELECT 1")
    assert not first.held()
    assert second.held()


def test_who_holds_it_no_more_is_not_cut_off_for_the_one_who_does(lock: Lock) -> None:
    first, second, third = lock("first"), lock("second"), lock("third")
    first.acquire()
    seen = first.holder()
    first.close()
    second.acquire()
    assert not third.evict(seen)
    assert not third.evict(None)
    assert second.held()


def test_two_lanes_of_one_host_are_told_apart_however_long_its_name() -> None:
    host = "h" * 63
    first, second = (application_of(lane.name_of(host, pid)) for pid in (1234567, 1234568))
    assert first != second
    assert len(first) == len(second) == 63
    assert application_of(lane.name_of("web1", 7)) == "filrouge lane web1 process 7"


# --- Watching ---


def test_a_heartbeat_that_stops_is_seen_after_the_limit(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    first.acquire()
    epoch = lane.take_over("first", 1)
    watch = Watch(second, LIMIT, started=100)
    for moment in range(100, 200, 10):
        lane.beat(epoch, moment)
        assert not watch.evicts(moment)
    assert not watch.evicts(219)
    assert watch.evicts(221)
    assert not first.held()


def test_a_lane_that_never_beat_has_the_limit_to_begin(lock: Lock) -> None:
    """What an earlier lane said last proves nothing about the one that has taken the lock since."""
    first, second, third = lock("first"), lock("second"), lock("third")
    lane.take_over("first", 1)
    first.acquire()
    watch = Watch(third, LIMIT, started=100)
    assert not watch.evicts(101)
    assert watch.evicts(132)
    while not second.acquire():
        pass
    assert not watch.evicts(133)
    assert not watch.evicts(162)
    assert watch.evicts(164)


def test_two_that_stand_by_do_not_cut_each_other_off(lock: Lock) -> None:
    """Both see that the lane hangs; the later one means the same lane, and not the one who took its place."""
    first, second, third = lock("first"), lock("second"), lock("third")
    lane.take_over("first", 1)
    first.acquire()
    watches = [Watch(each, LIMIT, started=100) for each in (second, third)]
    for watch in watches:
        assert not watch.evicts(101)
        watch.evicts(130.9)
    assert watches[0].evicts(131.5)
    while not second.acquire():
        pass
    assert not watches[1].evicts(131.6)
    assert second.held()


def test_who_stands_by_takes_over_from_a_lane_that_hangs(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    first.acquire()
    assert stand_by(second, threading.Event(), Watch(second, 1.0))
    assert not first.held()


def test_who_stands_by_goes_when_told_to(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    first.acquire()
    stop = threading.Event()
    stop.set()
    assert not stand_by(second, stop, Watch(second, LIMIT))


def test_a_server_that_ends_the_connection_of_who_stands_by_ends_the_wait(lock: Lock) -> None:
    first, second = lock("first"), lock("second")
    first.acquire()
    ((pid,),) = fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s", [application_of("second")]
    )
    kill(pid)
    with pytest.raises(StoreAway):
        stand_by(second, threading.Event())
