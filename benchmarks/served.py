"""The same road on each kind of stores, at 100,000 stored touchpoints; on PostgreSQL its collector too.

Neo4j changes nothing for the collector: its inbox is PostgreSQL's.
"""

import sys

from benchmarks import load
from benchmarks.collector import SIZES, Server
from benchmarks.combinations import Road, drive, on
from benchmarks.flatness import GOAL
from benchmarks.installations import inside, scratch
from benchmarks.plan import Plan
from benchmarks.report import row, table


def section(kind: str, plan: Plan) -> str:
    """Measure one kind of stores and return its section."""
    lines = [*_collector(plan), ""] if kind == "postgresql" else []
    warm = plan.served // 5
    return "\n".join([*lines, *_table(drive(kind, plan.served, warm, plan), plan)])


def _collector(plan: Plan) -> list[str]:
    """Measure the collector as in its own section, and the inbox's writer alone."""
    with on("postgresql") as place, scratch() as folder:
        server = Server(folder, **(place.settings if place else {}))
        server.manage("setup")
        server.make_key()
        rates = {}
        with server.running(sys.executable, "-m", "benchmarks.inside", "benchmarks.serving"):
            for size in SIZES:
                requests = server.requests(size)
                load.saturate(server.address, requests, 16, 1)
                rates[size] = load.saturate(server.address, requests, 16, plan.seconds).rate * size
        raw = float(inside(folder, "benchmarks.road.raw_inbox", str(plan.seconds), place=place))
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


def _table(road: Road, plan: Plan) -> list[str]:
    part = plan.served // 5
    second, last = road.driven.flatness(part, road.warm)
    head = ("touchpoints", "lane, per second", "raw store", "share")
    return [
        (
            f"Stages 1 to 6 with 20 audiences and 5 live journeys, after a warm-up of {road.warm:,}. The raw store's rate is that of its own"
            " statements for touchpoints, identifiers and links, with nothing looked up. Flatness: the last fifth, which is"
            f" {part:,}, against the second fifth. A read is one whole profile."
        ),
        "",
        *table(*head, f"flatness (goal {GOAL})", "profile read p50 ms", "p99 ms"),
        row(
            f"{plan.served:,}",
            f"{road.rate:,.0f}",
            f"{road.raw:,.0f}",
            f"{road.rate / road.raw:.0%}",
            f"{last / second:.2f}",
            f"{road.p50:.1f}",
            f"{road.p99:.1f}",
        ),
    ]
