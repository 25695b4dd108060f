"""The lane on one kind of stores: driven, read from, and held against the raw rate of its own store in the same run.

Throw-away servers of their own; PostgreSQL waits for the disk as in earnest, Neo4j is warm before anything is measured.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from benchmarks.installations import inside, prepared, scratch
from benchmarks.plan import Plan
from benchmarks.road.driven import Driven
from tests.places import Place, Served
from tests.servers.neo4j import Neo4j
from tests.servers.postgres import Postgres

_READS = 2_000
_Kind = TypeVar("_Kind", Postgres, Neo4j)


@dataclass(frozen=True)
class Road:
    """What a drive was like: touchpoints per second of lane and raw store, milliseconds that a profile took to be read after it."""

    driven: Driven
    warm: int
    raw: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.driven.rate(self.warm, self.driven.whole.done)


def drive(kind: str, counted: int, warm: int, plan: Plan, *, growing: bool = False) -> Road:
    """Let the lane take so many touchpoints, of half as many people, after others that warm everything up and do not count."""
    total, raw = warm + counted, min(counted, plan.raw)
    with on(kind) as place, scratch() as folder:
        home = prepared(folder / "home", total, total // 2, place, growing=growing)
        said = inside(home, "benchmarks.road.drive", "product", str(total), place=place)
        reads = inside(home, "benchmarks.reading", str(_READS), place=place).split()
        seconds = float(inside(home, "benchmarks.road.raw_graph", str(raw), place=place))
    p50, p99 = map(float, reads)
    return Road(msgspec.json.decode(said, type=Driven), warm, raw / seconds, p50, p99)


@contextmanager
def on(kind: str) -> Iterator[Place | None]:
    """Yield stores on servers of their own; None: files in the installation's directory. Raises Missing."""
    if kind == "sqlite":
        yield None
        return
    with ExitStack() as stack:
        postgres = stack.enter_context(_started(Postgres(durable=True)))
        if kind == "postgresql":
            yield Served(postgres.url())
        else:
            graph = Neo4j(heap="2g", page_cache="1g", brief=False)
            yield Served(postgres.url(), stack.enter_context(_started(graph)).url())


@contextmanager
def _started(server: _Kind) -> Iterator[_Kind]:
    try:
        server.start()
        yield server
    finally:
        server.remove()
