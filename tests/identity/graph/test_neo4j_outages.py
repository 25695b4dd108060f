"""A Neo4j that is stopped, killed, frozen, restarted or cut off: the store says so in time, loses nothing and counts nothing twice."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from identity.graph.port import StoreAway, StoreRefuses
from identity.touchpoints.types import Touchpoint
from tests.environment import STORES
from tests.identity.graph.evidence import SMALL, Event, touchpoint
from tests.ports import free_port
from tests.servers.neo4j import Neo4j

if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)

from identity.graph.neo4j_store import Neo4jStore
from identity.touchpoints.types import Identifier

pytestmark = pytest.mark.stores
EPOCH = 1
IN_TIME = 25  # seconds: a lane is killed after 30 without a heartbeat
ALICE, PHONE = Identifier("user_id", "alice"), Identifier("anonymous_id", "phone")


@pytest.fixture(scope="module")
def server() -> Iterator[Neo4j]:
    """Start a server of our own, to be maltreated; each test leaves it running."""
    made = Neo4j(heap="384m", page_cache="64m")
    made.start()
    yield made
    made.remove()


@pytest.fixture
def store(server: Neo4j) -> Neo4jStore:
    server.run("MATCH (n) DETACH DELETE n")
    return ready(Neo4jStore(url=server.url(), policy=SMALL))


def ready(store: Neo4jStore) -> Neo4jStore:
    store.make()
    store.raise_epoch(EPOCH)
    return store


def batch(first: int, size: int = 20) -> list[Touchpoint]:
    return [
        touchpoint(Event(number * 10, (ALICE, PHONE), number=number), SMALL)
        for number in range(first, first + size)
    ]


def record(store: Neo4jStore, touchpoints: list[Touchpoint]) -> dict[str, int]:
    return dict(store.record(touchpoints, epoch=EPOCH, contested=()).first_numbers)


def record_at_last(store: Neo4jStore, touchpoints: list[Touchpoint]) -> int:
    """Send a batch as the lane does, again and again until it is taken; return how often the store was away."""
    deadline, away = time.monotonic() + 100, 0
    while True:
        try:
            found = record(store, touchpoints)
        except StoreAway:
            assert time.monotonic() < deadline
            away += 1
            time.sleep(0.2)
        else:
            assert found == {each.id: each.number for each in touchpoints}
            return away


def counted(store: Neo4jStore) -> int:
    """Return how many touchpoints the one link counts."""
    [found] = store.neighbourhoods([ALICE])
    [link] = found.links
    return link.count


def test_a_server_that_was_killed_is_away_and_then_there_again(
    server: Neo4j, store: Neo4jStore
) -> None:
    record(store, batch(1))
    server.kill()
    with pytest.raises(StoreAway, match="does not answer"):
        record(store, batch(21))
    with pytest.raises(StoreAway, match="does not answer"):
        store.timeline([ALICE], before=None, limit=1)
    server.start()
    record_at_last(store, batch(21))
    assert counted(store) == 40


def test_a_frozen_server_is_given_up_in_time_and_goes_on_when_it_wakes(
    server: Neo4j, store: Neo4jStore
) -> None:
    record(store, batch(1))
    server.freeze()
    try:
        for _ in range(2):  # on a connection that was open, then on one that has to be made
            began = time.monotonic()
            with pytest.raises(StoreAway, match="does not answer"):
                record(store, batch(21))
            assert time.monotonic() - began < IN_TIME
    finally:
        server.thaw()
    record_at_last(store, batch(21))
    assert counted(store) == 40


def test_a_restart_in_the_middle_of_batches_loses_and_doubles_nothing(
    server: Neo4j, store: Neo4jStore
) -> None:
    begun, away = threading.Event(), []

    def lane() -> None:
        for first in range(1, 801, 20):
            away.append(record_at_last(store, batch(first)))
            if first > 100:
                begun.set()

    working = threading.Thread(target=lane)
    working.start()
    try:
        assert begun.wait(60)
        server.kill()
        server.start()
    finally:
        working.join(120)
    assert not working.is_alive()
    assert sum(away)
    assert counted(store) == 800


def test_a_commit_whose_outcome_nobody_knows_is_sent_again_and_counted_once(
    server: Neo4j, store: Neo4jStore
) -> None:
    with Cutting(server.port) as proxy:
        cut = Neo4jStore(url=proxy.url, policy=SMALL)
        record(cut, batch(1))
        proxy.cut.set()
        with pytest.raises(StoreAway, match="IncompleteCommit"):
            record(cut, batch(21))
        proxy.cut.clear()
        assert counted(store) == 40  # it was committed, only the answer was lost
        record_at_last(cut, batch(21))
    assert counted(store) == 40


def test_a_wrong_database_is_named(server: Neo4j) -> None:
    with pytest.raises(StoreAway, match="no database of the name in FILROUGE_GRAPH_DATABASE"):
        Neo4jStore(url=server.url(), database="elsewhere").uuid()


def test_a_port_where_nobody_listens_is_named() -> None:
    url = f"bolt://127.0.0.1:{free_port()}"
    with pytest.raises(StoreAway, match="does not answer"):
        Neo4jStore(url=url).uuid()


def test_a_value_that_no_index_takes_is_refused_and_the_rest_stays_away(store: Neo4jStore) -> None:
    monster = touchpoint(
        Event(10, (ALICE, Identifier("device_id", "x" * 40_000)), number=1), SMALL
    )
    with pytest.raises(StoreRefuses):
        record(store, [monster, *batch(2)])
    assert not store.neighbourhoods([ALICE])


def test_a_read_only_database_and_a_wrong_password_are_named(
    server: Neo4j, store: Neo4jStore
) -> None:
    record(store, batch(1))
    server.kill()
    server.set("server.databases.default_to_read_only=true")
    server.start()
    try:
        with pytest.raises(StoreAway, match="read-only"):
            record(store, batch(21))
        server.kill()
        server.set("dbms.security.auth_enabled=true")
        server.start()
        with pytest.raises(StoreAway, match="refuses the user or the password"):
            Neo4jStore(url=server.url(), user="neo4j", password="wrong").uuid()
    finally:
        server.kill()
        server.set("")
        server.start()
    record_at_last(store, batch(21))
    assert counted(store) == 40


class Cutting:
    """A way to the server that, when told to, passes a commit on and never the answer to it."""

    _COMMIT = b"\x00\x02\xb0\x12\x00\x00"  # Bolt: a chunk of two bytes, the message COMMIT without fields

    def __init__(self, port: int) -> None:
        self._port, self._door = port, socket.create_server(("127.0.0.1", 0))
        self.url = f"bolt://127.0.0.1:{self._door.getsockname()[1]}"
        self.cut = threading.Event()

    def __enter__(self) -> "Cutting":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._door.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                silent = threading.Event()
                for way, ends in ((self._asks, (here, there)), (self._answers, (there, here))):
                    threading.Thread(target=way, args=(*ends, silent), daemon=True).start()

    def _asks(self, source: socket.socket, target: socket.socket, silent: threading.Event) -> None:
        with closing(source), closing(target), suppress(OSError):
            while data := source.recv(65_536):
                if self.cut.is_set() and data.endswith(self._COMMIT):
                    silent.set()
                target.sendall(data)

    def _answers(
        self, source: socket.socket, target: socket.socket, silent: threading.Event
    ) -> None:
        with suppress(OSError):
            while (data := source.recv(65_536)) and not silent.is_set():
                target.sendall(data)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)
