"""What the store on Neo4j needs before it writes: `setup_graph` makes it, and without it the store says what to run."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import neo4j
import pytest
from django.core.management import CommandError, call_command

from identity import graph
from identity.graph.port import GraphMissing, GraphStore, LaneSuperseded, SchemaMissing, StoreAway
from identity.touchpoints.types import Identifier
from tests.environment import STORES
from tests.identity.graph.evidence import SMALL, Event, touchpoint
from tests.servers.neo4j import Neo4j

if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)

from identity.graph.neo4j_schema import CONSTRAINTS, INDEXES

pytestmark = [pytest.mark.django_db, pytest.mark.stores]
EPOCH = 1
ALICE, PHONE = Identifier("user_id", "alice"), Identifier("anonymous_id", "phone")
VISIT = touchpoint(Event(10, (ALICE, PHONE), number=1), SMALL)

WRITES: dict[str, Callable[[GraphStore], Any]] = {
    "raise_epoch": lambda store: store.raise_epoch(EPOCH),
    "record": lambda store: store.record([VISIT], epoch=EPOCH, contested=()),
    "set_aside": lambda store: store.set_aside([VISIT.id], epoch=EPOCH, aside=True),
    "show_members": lambda store: store.show_members({ALICE: "someone"}, epoch=EPOCH),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Neo4j]:
    """Start a server of our own: the others rely on their constraints."""
    made = Neo4j(heap="384m", page_cache="64m")
    made.start()
    yield made
    made.remove()


@pytest.fixture
def store(server: Neo4j, settings: Any) -> Iterator[GraphStore]:
    """Return the product's store, on a server that has nothing at all."""
    server.wipe()
    backend = {"url": server.url(), "policy": SMALL}
    settings.GRAPH_STORE = settings.GRAPH_STORE | {"OPTIONS": backend}
    graph.store.cache_clear()
    yield graph.store()
    graph.store.cache_clear()


def setup_graph() -> None:
    call_command("setup_graph", verbosity=0)


def names(server: Neo4j, show: str) -> set[str]:
    with neo4j.GraphDatabase.driver(server.url()) as driver:
        return {record["name"] for record in driver.execute_query(show).records}


def made(server: Neo4j) -> set[str]:
    """Return the names of the constraints, and of the indexes that can be used."""
    return names(server, "SHOW CONSTRAINTS") | names(
        server, "SHOW INDEXES YIELD name, type, state WHERE state = 'ONLINE' AND type <> 'LOOKUP'"
    )


def test_without_its_constraints_it_writes_nothing_and_says_what_to_run(
    server: Neo4j, store: GraphStore
) -> None:
    with pytest.raises(GraphMissing, match="was never made, or was emptied"):
        store.uuid()
    for ask in WRITES.values():
        with pytest.raises(SchemaMissing, match="setup_graph"):
            ask(store)
    assert names(server, "MATCH (n) RETURN elementId(n) AS name") == set()


def test_setup_graph_makes_all_that_it_needs(server: Neo4j, store: GraphStore) -> None:
    setup_graph()
    assert made(server) == CONSTRAINTS.keys() | INDEXES.keys()
    assert (
        names(server, "MATCH (n) RETURN elementId(n) AS name") == set()
    )  # whose it is says `setup`
    assert isinstance(store.make(), UUID)
    store.raise_epoch(EPOCH)
    recorded = store.record([VISIT], epoch=EPOCH, contested=())
    assert recorded.first_numbers == {VISIT.id: 1}


def test_setup_graph_refuses_a_graph_that_may_be_wiped_at_any_time(
    server: Neo4j, store: GraphStore
) -> None:
    server.run("CREATE (:Scratch)")
    with pytest.raises(CommandError, match="marked as scratch"):
        setup_graph()
    with pytest.raises(GraphMissing):
        store.uuid()


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_each_constraint_is_missed_and_made_again(
    server: Neo4j, store: GraphStore, constraint: str
) -> None:
    uuid = store.make()
    server.run(f"DROP CONSTRAINT {constraint}")
    graph.store.cache_clear()
    with pytest.raises(SchemaMissing, match=f"{constraint}.*setup_graph"):
        graph.store().raise_epoch(EPOCH)
    setup_graph()
    assert made(server) == CONSTRAINTS.keys() | INDEXES.keys()
    assert graph.store().uuid() == uuid


def test_a_number_that_is_taken_is_no_touchpoints_fault(store: GraphStore) -> None:
    """As when PostgreSQL alone came back from an older backup: what is new would be set aside, one by one."""
    setup_graph()
    store.make()
    store.raise_epoch(EPOCH)
    store.record([VISIT], epoch=EPOCH, contested=())
    later = touchpoint(Event(20, (ALICE, PHONE), number=2), SMALL, number=VISIT.number)
    with pytest.raises(StoreAway, match="older than its graph"):
        store.record([later], epoch=EPOCH, contested=())


@pytest.mark.parametrize("write", WRITES)
def test_another_graph_that_is_put_in_its_place_meanwhile_is_not_written_to(
    server: Neo4j, store: GraphStore, write: str
) -> None:
    store.make()
    store.raise_epoch(EPOCH)
    server.run(f"MATCH (g:Graph) SET g.uuid = '{uuid4()}'")
    with pytest.raises(LaneSuperseded, match="another graph"):
        WRITES[write](store)
    assert names(server, "MATCH (t:Touchpoint) RETURN t.id AS name") == set()
