"""The same road on PostgreSQL, and on PostgreSQL with Neo4j: each against the raw rate of its own store in the same run.

Throw-away servers of their own; PostgreSQL waits for the disk as in earnest, Neo4j is warm before anything is measured.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks import load
from benchmarks.collector import SIZES, Server
from benchmarks.installations import inside, prepared, scratch
from benchmarks.plan import Plan
from benchmarks.report import row, table
from benchmarks.road.driven import Driven
from tests.places import Place, Served
from tests.servers.neo4j import Neo4j
from tests.servers.postgres import Postgres

FLAT = 0.8
_READS = 2_000
_Kind = TypeVar("_Kind", Postgres, Neo4j)


@dataclass(frozen=True)
class _Road:
    name: str
    touchpoints: int
    rate: float
    raw: float
    flatness: float
    p50: float
    p99: float


def section(plan: Plan) -> str:
    with _server(Postgres(durable=True)) as postgres:
        lines = _collector(plan, postgres)
        roads = [_drive(plan, "PostgreSQL", Served(postgres.url()))]
        with _server(Neo4j(heap="2g", page_cache="1g", brief=False)) as graph:
            place = Served(postgres.url(), graph.url())
            roads.append(_drive(plan, "PostgreSQL + Neo4j", place))
    return "\n".join([*lines, "", *_table(roads)])


@contextlib.contextmanager
def _server(server: _Kind) -> Iterator[_Kind]:
    server.start()
    try:
        yield server
    finally:
        server.remove()


def _collector(plan: Plan, postgres: Postgres) -> list[str]:
    """Measure the collector as in its own section, and the inbox's writer alone."""
    place = Served(postgres.url())
    with tempfile.TemporaryDirectory(prefix="filrouge-bench-") as folder:
        server = Server(Path(folder), **place.settings)
        server.manage("setup")
        server.make_key()
        rates = {}
        with server.running(sys.executable, "-m", "benchmarks.inside", "benchmarks.serving"):
            for size in SIZES:
                requests = server.requests(size)
                load.saturate(server.address, requests, 16, 1)
                rates[size] = load.saturate(server.address, requests, 16, plan.seconds).rate * size
        raw = float(
            inside(Path(folder), "benchmarks.road.raw_inbox", str(plan.seconds), place=place)
        )
    place.remove()
    lines = [
        (
            f"The collector on PostgreSQL over 16 connections, events per second acknowledged when committed; the raw rate is that of the inbox's writer"
            f" in a loop, 500 rows a commit: {raw:,.0f} rows/s."
        ),
        "",
        *table("events per request", "collector", "of the raw rate"),
    ]
    return [
        *lines,
        *(row(size, f"{rate:,.0f}", f"{rate / raw:.0%}") for size, rate in rates.items()),
    ]


def _drive(plan: Plan, name: str, place: Place) -> _Road:
    """Drive the lane; the first fifth warms everything up and does not count."""
    counted = plan.served
    warm = counted // 5
    with scratch() as folder:
        home = prepared(folder / "home", warm + counted, (warm + counted) // 2, place)
        said = inside(home, "benchmarks.road.drive", "product", str(warm + counted), place=place)
        driven = msgspec.json.decode(said, type=Driven)
        reads = inside(home, "benchmarks.reading", str(_READS), place=place).split()
        raw = float(inside(home, "benchmarks.road.raw_graph", str(counted), place=place))
    place.remove()
    part = counted // 5
    second = driven.until(warm + 2 * part).seconds - driven.until(warm + part).seconds
    last = driven.whole.seconds - driven.until(driven.whole.done - part).seconds
    seconds = driven.whole.seconds - driven.until(warm).seconds
    p50, p99 = map(float, reads)
    return _Road(name, counted, counted / seconds, counted / raw, second / last, p50, p99)


def _table(roads: list[_Road]) -> list[str]:
    head = ("stores", "touchpoints", "lane, per second", "raw store", "share")
    lines = [
        (
            "Stages 1 to 6 with 20 audiences and 5 live journeys, after a warm-up of a fifth as many touchpoints. The raw store's rate is that of its own statements"
            " for touchpoints, identifiers and links, with nothing looked up. Flatness: the last fifth against the second one. A read is one whole profile."
        ),
        "",
        *table(*head, f"flatness (goal {FLAT})", "profile read p50 ms", "p99 ms"),
    ]
    return [
        *lines,
        *(
            row(
                one.name,
                f"{one.touchpoints:,}",
                f"{one.rate:,.0f}",
                f"{one.raw:,.0f}",
                f"{one.rate / one.raw:.0%}",
                f"{one.flatness:.2f}",
                f"{one.p50:.1f}",
                f"{one.p99:.1f}",
            )
            for one in roads
        ),
    ]
