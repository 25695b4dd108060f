"""Stores that hold nothing and are thrown away: a database in memory with keys of its own, and a graph that may be wiped."""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.utils import ConnectionHandler

from dmp_site import addresses
from identity.graph.neo4j_scratch import Scratch
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.sql_store import SqlStore
from identity.privacy.keys import make_keys

EPOCH = 1
_IN_MEMORY: dict[str, Any] = {
    "ENGINE": "dmp_site.sqlite",
    "NAME": ":memory:",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA foreign_keys=ON"},
}
Graphs = Callable[[Policy], GraphStore]  # an empty graph store with that policy, at EPOCH


@contextmanager
def database(url: str = "") -> Iterator[None]:
    """Put an empty database, and keys of its own, in the place of the installation's.

    It is in memory, or in a schema of its own of the PostgreSQL at `url`, which goes with it. Raises ImproperlyConfigured, Error.
    """
    if not url:
        with _instead(_IN_MEMORY):
            yield
        return
    with _schema(addresses.postgresql(url, "--uri")) as place, _instead(place):
        yield


@contextmanager
def _schema(place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    name = f"filrouge_cases_{secrets.token_hex(8)}"
    outside = ConnectionHandler({"default": place})["default"]
    options = f"{place['OPTIONS']['options']} -c search_path={name}"
    try:
        with outside.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {name}")
            try:
                yield {**place, "OPTIONS": {**place["OPTIONS"], "options": options}}
            finally:
                cursor.execute(f"DROP SCHEMA {name} CASCADE")
    finally:
        outside.close()


@contextmanager
def _instead(place: dict[str, Any]) -> Iterator[None]:
    installed, keys = connections["default"], settings.KEYS_FILE
    own = ConnectionHandler({"default": place})["default"]
    with tempfile.TemporaryDirectory(prefix="filrouge-cases-") as directory:
        connections["default"], settings.KEYS_FILE = own, Path(directory) / "keys.json"
        try:
            make_keys(settings.KEYS_FILE)
            call_command("migrate", database="default", verbosity=0, interactive=False)
            yield
        finally:
            connections["default"], settings.KEYS_FILE = installed, keys
            own.close()


@contextmanager
def graphs(store: str, url: str, name: str) -> Iterator[Graphs]:
    """Yield how to have an empty graph. Raises NotScratch, GraphMissing, StoreAway, and ImproperlyConfigured for a bad address.

    `store`: sql (in the database that Django works on) or neo4j (the server at `url`, or the installation's; its database `name`).
    """
    if store == "sql":
        yield _sql
        return
    installed: dict[str, Any] = settings.GRAPH_STORE["OPTIONS"]
    options = addresses.neo4j(url, name, "--uri")["OPTIONS"] if url or not installed else installed
    with Scratch(options, EPOCH).claimed() as empty:
        yield empty


def _sql(policy: Policy) -> GraphStore:
    made = SqlStore(policy=policy)
    made.raise_epoch(EPOCH)
    return made
