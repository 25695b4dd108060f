"""Empty stores of the kind that STORES names (see tests/environment.py), for tests in process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import neo4j
from django.conf import settings
from django.db import transaction

from identity import postgres
from identity.graph.policy import DEFAULT, Policy
from identity.graph.port import GraphStore
from identity.graph.sql_store import SqlStore
from identity.touchpoints.inbox.port import Inbox
from identity.touchpoints.inbox.sqlite import SqliteInbox
from tests.environment import STORES

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
    from identity.graph.neo4j_store import Neo4jStore  # noqa: PLC0415 - needs a driver that not everybody has

    options = settings.GRAPH_STORE["OPTIONS"]
    clear_graph()
    store = Neo4jStore(**options, policy=policy)
    store.make()
    return store


def clear_graph() -> None:
    """Delete everything in Neo4j, where that keeps the graph."""
    if STORES == "neo4j":
        with neo4j.GraphDatabase.driver(settings.GRAPH_STORE["OPTIONS"]["url"]) as driver:
            driver.execute_query("MATCH (n) DETACH DELETE n")


@contextlib.contextmanager
def undone() -> Iterator[None]:
    """Take back in the end what happened within, in every store; the lane's epoch stays."""
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        if STORES == "neo4j":
            with neo4j.GraphDatabase.driver(settings.GRAPH_STORE["OPTIONS"]["url"]) as driver:
                driver.execute_query("MATCH (n:Touchpoint|Identifier|Profile) DETACH DELETE n")


def empty_inbox(directory: Path) -> Inbox:
    """Return an inbox without a row: a file in the directory, or tables of the test's database."""
    if STORES == "sqlite":
        made: Inbox = SqliteInbox(directory / "inbox.sqlite3")
        made.make()
    else:
        from identity.touchpoints.inbox.postgres import PostgresInbox  # noqa: PLC0415

        made = PostgresInbox()
        with contextlib.closing(postgres.connect("tests")) as own:
            own.execute("TRUNCATE inbox_live, inbox_history")
            own.execute(_EMPTY)
    return made


def use_inbox(settings: Any, directory: Path) -> Inbox:
    """Let the product, within a test, use an empty inbox of its own: settings.INBOX names it."""
    if STORES == "sqlite":
        settings.INBOX = settings.INBOX | {"OPTIONS": {"path": directory / "inbox.sqlite3"}}
    return empty_inbox(directory)


def make_inbox_tables() -> None:
    """Make the tables of the inbox in the test database, outside the transactions of the tests."""
    if STORES != "sqlite":
        from identity.touchpoints.inbox.postgres import PostgresInbox  # noqa: PLC0415

        PostgresInbox().make()
