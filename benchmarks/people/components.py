"""The yardsticks of a rebuild: connected components of the same links by networkx or scipy, which know no limits and no ids.

    python -m benchmarks.inside benchmarks.people.components networkx|scipy
They read pairs of row ids out of the same tables and compare nothing.
"""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import msgspec
import networkx
import numpy
from django.conf import settings
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.people.measures import Components, peak

_LINKS = "SELECT a, b FROM identity_graphlink WHERE conducts"


def main(by: str) -> None:
    sys.stdout.write(msgspec.json.encode(measure(by)).decode())


def measure(by: str) -> Components:
    begun = time.perf_counter()
    with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as database:
        made = _MAKE[by](database.execute(_LINKS))
    ready = time.perf_counter()
    found = _COUNT[by](made)
    return Components(ready - begun, time.perf_counter() - ready, peak(), found)


def _graph(links: Iterator[tuple[int, int]]) -> Any:
    made = networkx.Graph()
    made.add_edges_from(links)
    return made


def _matrix(links: Iterator[tuple[int, int]]) -> Any:
    """Return the links as a matrix; its rows are identifiers, numbered from 0 on."""
    ends = numpy.fromiter((end for pair in links for end in pair), dtype=numpy.int64)
    ids, positions = numpy.unique(ends, return_inverse=True)
    a, b = positions.reshape(-1, 2).T
    ones = numpy.ones(len(a), dtype=numpy.int8)
    return coo_array((ones, (a, b)), shape=(len(ids), len(ids)))


def _networkx(made: Any) -> int:
    return sum(1 for _ in networkx.connected_components(made))


def _scipy(made: Any) -> int:
    count, _ = connected_components(made, directed=False)
    return int(count)


_MAKE: Mapping[str, Callable[[Iterator[tuple[int, int]]], Any]] = {
    "networkx": _graph,
    "scipy": _matrix,
}
_COUNT: Mapping[str, Callable[[Any], int]] = {"networkx": _networkx, "scipy": _scipy}
