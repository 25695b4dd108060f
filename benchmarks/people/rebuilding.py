"""Rebuilds: works out afresh who is who in the whole graph and compares it with what is stored, as `rebuild_graph` does.

    python -m benchmarks.inside benchmarks.people.rebuilding [for_ever]
Once, it prints what that took; for ever, it says on a line that it begins, and goes on until it is ended.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from unittest.mock import patch

import msgspec

from benchmarks.people.measures import Rebuilt, Timed, own, peak
from identity import graph
from identity.graph.types import Neighbourhood
from identity.profiles import moves, rebuild


def main(how: str = "once") -> None:
    if how == "once":
        sys.stdout.write(msgspec.json.encode(measure()).decode())
        return
    sys.stdout.write("walking\n")
    sys.stdout.flush()
    while True:
        rebuild.rebuild(graph.store(), now=None)


def measure() -> Rebuilt:
    """Rebuild once. Raises RuntimeError when what is stored is not what the evidence says."""
    store, most = graph.store(), [own()]
    reading, partition = Timed(_following), Timed(moves.wanted)
    whole = store.walk

    def walk(*, size: int) -> Iterator[Sequence[Neighbourhood]]:
        return iter(partial(reading, whole(size=size)), None)

    with patch.object(store, "walk", walk), patch.object(rebuild, "wanted", partition):
        begun = time.perf_counter()
        report = rebuild.rebuild(store, now=None, progress=lambda _: most.append(own()))
        seconds = time.perf_counter() - begun
    if not report.agrees:
        raise RuntimeError(f"{report.differing} identifiers are stored otherwise")
    return Rebuilt(
        seconds,
        reading.seconds,
        partition.seconds,
        peak(),
        max(most),
        report.graph.count,
        report.neighbourhoods,
        report.profiles,
    )


def _following(blocks: Iterator[Sequence[Neighbourhood]]) -> Sequence[Neighbourhood] | None:
    return next(blocks, None)
