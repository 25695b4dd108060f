"""Where an installation of the tests keeps its data: in files of its own, or in real servers."""

import contextlib
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import neo4j
import psycopg

from tests import tables

KINDS = ("sqlite", "postgresql", "neo4j")
POSTGRES, NEO4J = "TESTS_POSTGRESQL_URL", "TESTS_NEO4J_URL"  # the run's servers
_GRAPH_ROWS = (
    "SELECT (SELECT count(*) FROM identity_graphtouchpoint) + (SELECT count(*) FROM identity_graphcarries)"
    " + (SELECT count(*) FROM identity_graphlink) + (SELECT count(*) FROM identity_graphidentifier)"
)
_PATIENCE = 20  # seconds for a file whose log is being recovered
_EMPTY = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


class Place(ABC):
    """The stores of one installation, asked past the product. `settings`: what the installation must be told."""

    settings: Mapping[str, str]

    @abstractmethod
    def prepare(self) -> None:
        """Put the product's empty tables where nothing is yet: as `setup` would, but from the run's copy (tests/tables.py)."""

    @abstractmethod
    def ask(self, sql: str) -> Any:
        """Return one value out of the Django database, None without a row."""

    @abstractmethod
    def newest(self) -> int:
        """Return the number of the last live touchpoint that the inbox took, 0 before the first."""

    @abstractmethod
    def inbox(self, mode: str) -> list[tuple[int, int, bytes]]:
        """Return number, source and sealed payload of the rows that the inbox holds, `live` or `history`."""

    def touchpoints(self) -> int:
        """Return how many touchpoints the graph holds."""
        return int(self.ask("SELECT count(*) FROM identity_graphtouchpoint"))

    @abstractmethod
    def remove(self) -> None:
        """Delete what does not go with the installation's directory."""


class Files(Place):
    """SQLite files in the installation's directory."""

    def __init__(self, directory: Path) -> None:
        self.settings = {}
        self._directory = directory

    def prepare(self) -> None:
        if tables.SHARED in os.environ and not (self._directory / tables.FILES[0]).exists():
            tables.copy_files(self._directory)

    def ask(self, sql: str) -> Any:
        return _first(self._rows("filrouge.sqlite3", sql))

    def newest(self) -> int:
        return _first(self._rows("inbox.sqlite3", "SELECT max(number) FROM live")) or 0

    def inbox(self, mode: str) -> list[tuple[int, int, bytes]]:
        return self._rows("inbox.sqlite3", f"SELECT number, source, payload FROM {mode}")

    def remove(self) -> None:
        pass

    def _rows(self, file: str, sql: str) -> list[Any]:
        """Read rows. Whoever recovers the log after a kill holds readers up: SQLite gives that up by itself sooner than `timeout` says."""
        path = f"file:{self._directory / file}?mode=ro"
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with contextlib.closing(sqlite3.connect(path, uri=True, timeout=20)) as database:
                    return database.execute(sql).fetchall()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_PROTOCOL
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


class Served(Place):
    """A database of its own in a PostgreSQL cluster; with `graph`, all of that Neo4j server."""

    def __init__(self, cluster: str, graph: str = "") -> None:
        self._cluster, self._graph = cluster, graph
        self._name = f"installation_{uuid4().hex}"
        self._run(f"CREATE DATABASE {self._name}")
        self._url = f"{cluster.rpartition('/')[0]}/{self._name}"
        self.settings = {"DATABASE_URL": self._url}
        if graph:
            self.settings["GRAPH_URL"] = graph
            self.cypher(_EMPTY)

    def prepare(self) -> None:
        shared = self._cluster == os.environ.get(POSTGRES)
        if shared and self.ask("SELECT to_regclass('django_migrations')") is None:
            model = tables.database(self._cluster)
            self._run(f"DROP DATABASE {self._name}")
            self._run(f"CREATE DATABASE {self._name} TEMPLATE {model}")

    def ask(self, sql: str) -> Any:
        return _first(self._rows(sql))

    def newest(self) -> int:
        return self.ask("SELECT last_number FROM inbox_mark") or 0

    def inbox(self, mode: str) -> list[tuple[int, int, bytes]]:
        return self._rows(f"SELECT number, source, payload FROM inbox_{mode}")

    def touchpoints(self) -> int:
        if not self._graph:
            return super().touchpoints()
        assert self.ask(_GRAPH_ROWS) == 0, "the graph is in Neo4j, so its tables stay empty"
        return int(self.cypher("MATCH (t:Touchpoint) RETURN count(t)")[0])

    def cypher(self, statement: str) -> list[Any]:
        """Run a statement in a transaction that it may cut in pieces; return the values of the first row."""
        with neo4j.GraphDatabase.driver(self._graph) as driver, driver.session() as session:
            rows = session.run(statement).values()
        return rows[0] if rows else []

    def _rows(self, sql: str) -> list[Any]:
        with psycopg.connect(self._url, connect_timeout=5) as connection:
            return connection.execute(sql.encode()).fetchall()

    def remove(self) -> None:
        self._run(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
        if self._graph:
            self.cypher(_EMPTY)

    def _run(self, sql: str) -> None:
        with psycopg.connect(self._cluster, autocommit=True) as connection:
            connection.execute(sql.encode())


def _first(rows: list[Any]) -> Any:
    return rows[0][0] if rows else None


def place(directory: Path) -> Place:
    """Return stores of the kind that STORES names, in the run's servers (tests/environment.py)."""
    kind = os.environ.get("STORES", "sqlite")
    if kind == "sqlite":
        return Files(directory)
    return Served(os.environ[POSTGRES], os.environ[NEO4J] if kind == "neo4j" else "")
