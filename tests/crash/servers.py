"""Stores on servers of the campaign's own, which it may kill."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.places import Files, Place, Served
from tests.servers.neo4j import Neo4j
from tests.servers.postgres import Postgres
from tests.servers.program import Program


@dataclass
class Stores:
    """Where the installation keeps its data, and the servers that do it, by name."""

    place: Place
    servers: Mapping[str, Program] = field(default_factory=dict)


@contextmanager
def own(kind: str, directory: Path) -> Iterator[Stores]:
    """Yield fresh stores of a kind (tests.places.KINDS). Raises Missing when a server cannot be had."""
    if kind == "sqlite":
        yield Stores(Files(directory))
        return
    postgres = Postgres()
    graph = Neo4j() if kind == "neo4j" else None
    servers: dict[str, Program] = {"postgresql": postgres}
    if graph:
        servers["neo4j"] = graph
    try:
        for server in servers.values():
            server.start()
        yield Stores(Served(postgres.url(), graph.url() if graph else ""), servers)
    finally:
        for server in servers.values():
            server.remove()
