"""Empty stores of the kind that STORES names (see tests/environment.py), for tests in process."""

import atexit
import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import neo4j
from django.conf import settings
from django.db import connection, transaction
from psycopg.pq import TransactionStatus

from identity import graph, postgres
from identity.graph.models import GraphCarries, GraphIdentifier, GraphLink, GraphTouchpoint
from identity.graph.neo4j_store import Neo4jStore
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphStore
from identity.graph.sql_store import SqlStore
from identity.touchpoints.inbox.port import Inbox
from identity.touchpoints.inbox.postgres import PostgresInbox
from identity.touchpoints.inbox.sqlite import SqliteInbox
from tests.environment import STORES

_TABLES = (GraphCarries, GraphLink, GraphTouchpoint, GraphIdentifier)
_EMPTY = (
    "UPDATE inbox_mark SET last_number = 0, last_received = 0, live_ordinal = 0, history_ordinal = 0;"
    "UPDATE inbox_lease SET token = NULL, kept_from = 0"
)


def empty_graph(policy: Policy = DEFAULT) -> GraphStore:
    """Return a graph store without a touchpoint. Tables are emptied by the test's own fixtures, Neo4j here."""
    if STORES != "neo4j":
        store: GraphStore = SqlStore(policy=policy)
        store.make()
        return store
    clear_graph()
    store = Neo4jStore(**settings.GRAPH_STORE["OPTIONS"], policy=policy)
    # The server may be cold, and no lane is here to give it time.
    store.patience = store.most_patience
    store.make()
    return store


def clear_graph() -> None:
    """Delete everything in Neo4j, where that keeps the graph; constraints and indexes stay."""
    if STORES == "neo4j":
        cypher("MATCH (n) DETACH DELETE n")
        graph.store.cache_clear()  # it knows the graph that is gone


def forget() -> None:
    """Delete all touchpoints, identifiers and links, wherever they are kept; inside `undone` they come back."""
    if STORES == "neo4j":
        cypher(_WIPE)
    for model in _TABLES:
        model.objects.all().delete()


def graph_rows() -> int:
    """Return how many rows the tables of the graph have in the Django database; none in a transaction that has failed."""
    opened = connection.connection
    if opened is not None and opened.info.transaction_status == TransactionStatus.INERROR:
        return 0
    return sum(model.objects.count() for model in _TABLES)


def cypher(statement: str, **parameters: Any) -> list[neo4j.Record]:
    """Run one statement on Neo4j."""
    url = settings.GRAPH_STORE["OPTIONS"]["url"]
    return _driver(url).execute_query(statement, parameters).records


def plan(statement: str, **parameters: Any) -> dict[str, Any]:
    """Return how Neo4j would carry out a statement."""
    url = settings.GRAPH_STORE["OPTIONS"]["url"]
    found = _driver(url).execute_query(f"EXPLAIN {statement}", parameters).summary.plan
    assert found is not None
    return found


@cache
def _driver(url: str) -> neo4j.Driver:
    opened = neo4j.GraphDatabase.driver(url, notifications_min_severity="OFF")
    atexit.register(opened.close)
    return opened


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Take back in the end what happened within, in every store; the lane's epoch stays, where there was a graph."""
    before = _kept() if STORES == "neo4j" else []
    gone = "n:!Lane" if any("Graph" in labels for _, labels, *_ in before) else "n"
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        if STORES == "neo4j":
            cypher(f"MATCH ({gone}) DETACH DELETE n")
            if before:
                cypher(_BACK, nodes=before)


_WIPE = "MATCH (n:Touchpoint|Identifier|Profile) DETACH DELETE n"
# Each node with its labels, properties and outgoing relationships; elementId names it until it is made again.
_KEPT = """
MATCH (n:!Lane)
RETURN elementId(n), labels(n), properties(n),
    COLLECT { MATCH (n)-[r]->(o) RETURN [type(r), properties(r), elementId(o)] }
"""
_BACK = """
UNWIND $nodes AS node
CREATE (n:$(node[1])) SET n = node[2]
WITH collect([node[0], n]) AS made
UNWIND $nodes AS node
UNWIND node[3] AS link
WITH link, [each IN made WHERE each[0] = node[0] | each[1]][0] AS a, [each IN made WHERE each[0] = link[2] | each[1]][0] AS b
CREATE (a)-[r:$(link[0])]->(b) SET r = link[1]
"""


def _kept() -> list[list[Any]]:
    return [record.values() for record in cypher(_KEPT)]


def empty_inbox(directory: Path) -> Inbox:
    """Return an inbox without a row: a file in the directory, or tables of the test's database."""
    if STORES == "sqlite":
        made: Inbox = SqliteInbox(directory / "inbox.sqlite3")
        made.make()
    else:
        made = PostgresInbox()
        with contextlib.closing(postgres.connect("tests")) as own:
            # Who looked into it within the test keeps it from being emptied.
            own.execute("SET lock_timeout = '20s'")
            own.execute("TRUNCATE inbox_live, inbox_history")
            own.execute(_EMPTY)
    return made


def use_inbox(settings: Any, directory: Path) -> Inbox:
    """Let the product, within a test, use an empty inbox of its own: settings.INBOX names it."""
    name_inbox(settings, directory)
    return empty_inbox(directory)


def name_inbox(settings: Any, directory: Path) -> None:
    """Let the product, within a test, use the inbox that is in the directory, or in tables."""
    if STORES == "sqlite":
        settings.INBOX = settings.INBOX | {"OPTIONS": {"path": directory / "inbox.sqlite3"}}


def make_inbox_tables() -> None:
    """Make the tables of the inbox in the test database, outside the transactions of the tests."""
    if STORES != "sqlite":
        PostgresInbox().make()
