"""The raw rate of a graph store: its own statements that write touchpoints, identifiers and links, and nothing looked up or worked out.

Runs inside an installation that was driven and is thrown away: its graph is emptied and written again, in batches as the lane takes them.
    python -m benchmarks.inside benchmarks.road.raw_graph TOUCHPOINTS
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence

from django.db import connection, transaction

from identity import graph
from identity.graph import neo4j_recording, sql_recording
from identity.graph.evidence import first_numbers, links
from identity.graph.neo4j_store import Neo4jStore
from identity.graph.policy import DEFAULT
from identity.graph.recording import Known
from identity.sql import execute
from identity.touchpoints.types import Identifier, Touchpoint

_TABLES = (
    "identity_graphcarries",
    "identity_graphlink",
    "identity_graphidentifier",
    "identity_graphtouchpoint",
)
_EMPTY = (
    "MATCH (n:Touchpoint|Identifier|Profile) WITH n LIMIT 20000 DETACH DELETE n RETURN count(n)"
)

Write = Callable[[Sequence[Touchpoint], set[Identifier], dict[Identifier, Known]], None]


def main(touchpoints: str) -> None:
    store = graph.store()
    store.patience = store.most_patience  # emptying a large graph takes long
    stored = list(_stored(int(touchpoints)))
    write = _on_neo4j(store) if isinstance(store, Neo4jStore) else _on_sql()
    known: dict[Identifier, Known] = {}
    spent = 0.0
    for start in range(0, len(stored), store.batch):
        batch = stored[start : start + store.batch]
        brought = first_numbers(batch)
        fresh = {each for each in brought if each not in known}
        known |= {each: Known(0, brought[each]) for each in fresh}
        begun = time.perf_counter()
        write(batch, fresh, known)
        spent += time.perf_counter() - begun
    sys.stdout.write(f"{spent:.3f}")


def _stored(touchpoints: int) -> Iterator[Touchpoint]:
    after = 0
    while after < touchpoints:
        block = graph.store().scan(after=after, limit=min(5_000, touchpoints - after))
        if not block:
            return
        yield from block
        after = block[-1].number


def _on_sql() -> Write:
    if connection.vendor == "postgresql":
        execute(f"TRUNCATE {', '.join(_TABLES)}")
    else:
        for table in _TABLES:
            execute(f"DELETE FROM {table}")

    def write(
        batch: Sequence[Touchpoint], fresh: set[Identifier], known: dict[Identifier, Known]
    ) -> None:
        with transaction.atomic():
            sql_recording.write(fresh, known, DEFAULT)
            sql_recording.write_touchpoints(batch, known)
            sql_recording.write_links(links(batch), known, DEFAULT)

    return write


def _on_neo4j(store: Neo4jStore) -> Write:
    while store.write(lambda ask: ask(_EMPTY)[0]):
        pass

    def write(
        batch: Sequence[Touchpoint], fresh: set[Identifier], known: dict[Identifier, Known]
    ) -> None:
        def work(ask: Callable[..., list[object]]) -> None:
            neo4j_recording.write_identifiers(ask, fresh, known, DEFAULT)
            neo4j_recording.write_touchpoints(ask, batch)
            neo4j_recording.write_links(ask, links(batch), DEFAULT)

        store.write(work)

    return write
