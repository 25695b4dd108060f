"""The lane on Neo4j: what it leaves in SQL, what it shows in Neo4j, and what it does while the server is frozen."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import neo4j
import pytest

from dmp_site.console import checks
from dmp_site.processes.showing import shown
from identity.clock import MINUTE, SECOND
from identity.graph.port import GraphStore
from identity.models import (
    GraphCarries,
    GraphIdentifier,
    GraphLink,
    GraphTouchpoint,
    Identifier,
    Lane,
    Profile,
)
from identity.profiles import showing
from identity.touchpoints import lane
from tests.dmp_site.processes.faults import people, viewed
from tests.environment import STORES
from tests.road import Road
from tests.servers.neo4j import Neo4j
from tests.stores import cypher

if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)

from identity.graph.neo4j_server import ANSWER_WITHIN
from identity.graph.neo4j_store import Neo4jStore

pytestmark = pytest.mark.stores
KILLED = 30  # seconds without a heartbeat after which the supervisor kills a lane


class OneRound(threading.Event):
    """Is set as soon as the lane pauses."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


@pytest.fixture
def server() -> Iterator[Neo4j]:
    made = Neo4j(heap="384m", page_cache="64m")
    made.start()
    yield made
    made.remove()


def one_round(road: Road, store: GraphStore) -> float:
    """Let the lane work until it pauses; return the seconds that it took."""
    if road.loop.graph is not store:
        road.loop = replace(road.loop, graph=store)
    began = time.monotonic()
    road.loop.run(OneRound())
    return time.monotonic() - began


def test_the_whole_road_leaves_no_touchpoint_and_no_link_in_sql(road: Road) -> None:
    road.receive(
        {"type": "page", "anonymousId": "browser"},
        {"type": "identify", "anonymousId": "browser", "userId": "alice"},
        {"event": "Order Completed", "userId": "alice", "properties": {"order_id": "o"}},
    )
    road.run()
    assert Identifier.objects.count() == 2
    for model in (GraphTouchpoint, GraphIdentifier, GraphCarries, GraphLink):
        assert not model.objects.exists()
    [counts] = cypher(
        "RETURN COUNT { MATCH (:Touchpoint) } AS touchpoints, COUNT { MATCH ()-[:LINKED]->() } AS links,"
        " COUNT { MATCH ()-[:CARRIES]->() } AS carries"
    )
    assert counts.data() == {"touchpoints": 3, "links": 1, "carries": 4}


@pytest.mark.django_db(transaction=True)  # the lane closes its connection when a store is away
def test_a_frozen_neo4j_is_said_in_time_and_the_lane_goes_on_when_it_wakes(
    road: Road, server: Neo4j
) -> None:
    store = Neo4jStore(url=server.url())
    store.make()
    store.raise_epoch(road.loop.epoch)
    road.receive(viewed("alice"))
    one_round(road, store)
    assert people() == {"user_id:alice"}
    server.freeze()
    try:
        road.receive(viewed("bob"))
        for times in (1, 2):
            assert lane.patience() == times
            road.now += 20 * SECOND
            assert one_round(road, store) < KILLED * times
            assert lane.heartbeat()[1] == road.now
    finally:
        server.thaw()
    finding = checks.the_lane(road.now)
    assert finding.level is checks.Level.FAULT
    assert "Neo4j does not answer" in finding.what
    assert people() == {"user_id:alice"}
    deadline = time.monotonic() + 60
    while Lane.objects.get().trouble and time.monotonic() < deadline:
        one_round(road, store)
    assert people() == {"user_id:alice", "user_id:bob"}


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_needs_longer_than_usual_gets_through(road: Road, server: Neo4j) -> None:
    """Somebody holds the node that every write locks: for longer than a first try waits, not longer than the next."""
    store = Neo4jStore(url=server.url())
    store.make()
    store.raise_epoch(road.loop.epoch)
    road.receive(viewed("alice"))
    with held(server, "MATCH (l:Lane) SET l.held = true") as release:
        one_round(road, store)
        assert "Neo4j" in Lane.objects.get().trouble
        assert people() == set()
        threading.Timer(ANSWER_WITHIN * 1.3, release.set).start()
        one_round(road, store)
        assert release.is_set()  # so it waited longer than the first time
    assert people() == {"user_id:alice"}
    assert (store.patience, lane.patience()) == (1, 1)


@contextlib.contextmanager
def held(server: Neo4j, statement: str) -> Iterator[threading.Event]:
    """Keep the locks of a statement until the event is set."""
    release, taken = threading.Event(), threading.Event()

    def hold() -> None:
        with (
            neo4j.GraphDatabase.driver(server.url()) as driver,
            driver.session() as session,
            session.begin_transaction() as transaction,
        ):
            transaction.run(statement).consume()
            taken.set()
            release.wait(120)

    holding = threading.Thread(target=hold)
    holding.start()
    assert taken.wait(60)
    try:
        yield release
    finally:
        release.set()
        holding.join()


# --- Memberships, shown beside the lane ---


def signed_in(road: Road) -> None:
    road.receive({"type": "identify", "anonymousId": "browser", "userId": "alice"})
    road.run()


@pytest.mark.django_db(transaction=True)  # the thread has a connection of its own
def test_memberships_are_shown_while_the_lane_works(road: Road) -> None:
    signed_in(road)
    with shown(road.store, road.loop.epoch):
        deadline = time.monotonic() + 30
        while showing.lag()[0] and time.monotonic() < deadline:
            time.sleep(0.05)
    [row] = cypher(
        "MATCH (i:Identifier)-[:MEMBER_OF]->(p:Profile) RETURN p.id AS id, count(i) AS members"
    )
    assert row.data() == {
        "id": Profile.objects.get(identifiers__key="user_id:alice").uid,
        "members": 2,
    }


def test_memberships_that_are_not_shown_are_worth_a_look(road: Road) -> None:
    signed_in(road)
    late = checks.CHECKS["members"](road.now + MINUTE)
    assert late
    assert (late.level, late.what.split()[0]) == (checks.Level.NOTICE, "2")
    assert showing.show(road.store, epoch=road.loop.epoch) == 2
    well = checks.CHECKS["members"](road.now + MINUTE)
    assert well
    assert well.level is checks.Level.OK
