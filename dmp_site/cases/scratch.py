"""Stores that hold nothing and are thrown away: a database in memory with keys of its own, and a graph that may be wiped."""

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
_IN_MEMORY = {
    "ENGINE": "dmp_site.sqlite",
    "NAME": ":memory:",
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA foreign_keys=ON"},
}
Graphs = Callable[[Policy], GraphStore]  # an empty graph store with that policy, at EPOCH


@contextmanager
def database() -> Iterator[None]:
    """Put an empty database in memory, and keys of its own, in the place of the installation's."""
    installed, keys = connections["default"], settings.KEYS_FILE
    own = ConnectionHandler({"default": _IN_MEMORY})["default"]
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

    `store`: sql (in the database that Django works on) or neo4j (the server at `url`, its database `name`).
    """
    if store == "sql":
        yield _sql
        return
    options: dict[str, Any] = addresses.neo4j(url, name, "--uri")["OPTIONS"]
    with Scratch(options, EPOCH).claimed() as empty:
        yield empty


def _sql(policy: Policy) -> GraphStore:
    made = SqlStore(policy=policy)
    made.raise_epoch(EPOCH)
    return made
