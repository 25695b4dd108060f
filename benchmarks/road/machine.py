"""How fast the machine itself is at a time: a fixed piece of work of the lane's kind, in memory, that never grows.

Others may share the machine, so a rate that falls over a quarter of an hour says little without it.
"""

import random
import sqlite3
import time

_ROWS = 300_000  # some 30 MB, more than a core's own cache
_DONE = 4_000  # rows changed for one measurement, some 20 ms


class Machine:
    """Changes rows all over a table in memory."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._table = sqlite3.connect(":memory:")
        self._table.execute("CREATE TABLE t (key TEXT PRIMARY KEY, n INTEGER, at TEXT)")
        self._table.executemany("INSERT INTO t VALUES (?, ?, ?)", map(_row, range(_ROWS)))
        self._table.commit()

    def speed(self) -> float:
        """Return how many rows it changes in a second."""
        begun = time.perf_counter()
        drawn = [_row(self._random.randrange(_ROWS)) for _ in range(_DONE)]
        self._table.executemany(
            "INSERT INTO t VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET n = t.n + 1",
            sorted(drawn),
        )
        self._table.commit()
        return _DONE / (time.perf_counter() - begun)


def _row(number: int) -> tuple[str, int, str]:
    return f"{number:032}", 1, "2026-01-01T00:00:00Z"
