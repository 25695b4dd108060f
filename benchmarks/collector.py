"""The collector against the same endpoint as a DRF view: durable touchpoints per second, latency at half load.

Both run as one process beside the load generator, one after the other, on fresh stores; each is measured in requests of 1, 10 and 100
events. The collector encrypts, checks, and answers once the events are on the disk (SQLite, synchronous=FULL); the view parses,
validates and stores with bulk_create in an SQLite database of the same settings, served by gunicorn's threads.
"""

import base64
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks import load
from benchmarks.plan import Plan
from benchmarks.report import row, table
from benchmarks.stream import Shop
from tests.installation import ROOT
from tests.ports import free_port

SIZES = (1, 10, 100)
CONNECTIONS = (16, 256)
GOALS = {1: 6.0, 10: 4.0, 100: 3.0}
# What RudderStack's gateway with PostgreSQL accepts on a machine of 2 cores: (events per request, connections) -> events/s.
RUDDERSTACK = {(1, 16): 1_034, (1, 256): 9_219, (100, 16): 27_800}
_DISTINCT = 200  # requests made beforehand, sent in turns
_PUT_OFF = (
    "Put off: who comes while as many events wait for the disk as may (MOST_QUEUED in identity/touchpoints/collector/commits.py) is told"
    " to come again (429), and this load does so at once. 256 connections of hundreds have 25,600 events under way, the others at most 2,560."
)


@dataclass(frozen=True)
class Row:
    """One line of the report. Rates are events per second, latencies milliseconds at half of the highest rate.

    `put_off`: share of the requests at the highest rate that were answered 429, because more waited for the disk than may.
    """

    events: int
    connections: int
    collector: float
    drf: float | None
    p50: float
    p99: float
    put_off: float

    @property
    def ratio(self) -> float | None:
        return None if self.drf is None else self.collector / self.drf


def authorization(write_key: str) -> str:
    """Return the header's value."""
    return "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()


def body(events: Sequence[Mapping[str, Any]]) -> bytes:
    return json.dumps({"batch": events}).encode()


class Server:
    """An installation and one server process on it."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        plain = {
            name: value for name, value in os.environ.items() if not name.startswith("FILROUGE_")
        }
        self.environment = plain | {
            "DJANGO_SETTINGS_MODULE": "benchmarks.drf.settings",
            "PYTHONPATH": str(ROOT),
            "FILROUGE_DATA_DIR": str(folder),
            "FILROUGE_COLLECTOR_BIND": self.address,
            "FILROUGE_COLLECTOR_INNER_BIND": f"127.0.0.1:{free_port()}",
            "FILROUGE_INBOX_LIMIT": "1000000000",
            **{f"FILROUGE_{name}": value for name, value in settings.items()},
        }
        self.authorization = ""

    @contextlib.contextmanager
    def running(self, *command: str) -> Iterator[None]:
        """Run a server until the end of the block."""
        with subprocess.Popen(command, env=self.environment, cwd=ROOT) as process:
            try:
                self._wait()
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def _wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"http://{self.address}/health")
                return
            time.sleep(0.1)
        raise RuntimeError("the server does not answer")

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def make_key(self) -> None:
        key = self.manage("createkey", "--source", "benchmark", "--kind", "site", "--quiet")
        self.authorization = authorization(key)

    def requests(self, size: int) -> list[bytes]:
        """Return requests of `size` events each, none of which is like another."""
        events = iter(Shop(100_000, seed=size).touchpoints(_DISTINCT * size))
        return [
            load.post(
                self.address,
                "/v1/batch",
                self.authorization,
                body(list(itertools.islice(events, size))),
            )
            for _ in range(_DISTINCT)
        ]


def measure(seconds: float, connections: Sequence[int]) -> list[Row]:
    """Measure both; the view at 16 connections only."""
    drf = _drf(seconds)
    rows = []
    with tempfile.TemporaryDirectory(prefix="filrouge-bench-") as folder:
        server = Server(Path(folder))
        server.manage("setup")
        server.make_key()
        with server.running(sys.executable, "-m", "benchmarks.inside", "benchmarks.serving"):
            for size in SIZES:
                requests = server.requests(size)
                load.saturate(server.address, requests, 16, 1)
                for number in connections:
                    full = load.saturate(server.address, requests, number, seconds)
                    half = load.steady(server.address, requests, full.rate / 2, seconds)
                    rows.append(
                        Row(
                            size,
                            number,
                            full.rate * size,
                            drf[size] if number == connections[0] else None,
                            half.percentile(0.5),
                            half.percentile(0.99),
                            full.refused / max(1, len(full.latencies)),
                        )
                    )
    return rows


def _drf(seconds: float) -> dict[int, float]:
    with tempfile.TemporaryDirectory(prefix="filrouge-bench-") as folder:
        server = Server(Path(folder))
        server.manage("setup")
        server.manage("migrate", "--run-syncdb", "--verbosity", "0")
        server.make_key()
        command = [sys.executable, "-m", "gunicorn", "--bind", server.address, "--workers", "1"]
        command += ["--threads", "8", "--log-level", "error", "dmp_site.wsgi:application"]
        with server.running(*command):
            rates = {}
            for size in SIZES:
                requests = server.requests(size)
                load.saturate(server.address, requests, 16, 1)
                measured = load.saturate(server.address, requests, 16, seconds)
                if measured.refused:
                    raise RuntimeError(f"the view refused {measured.refused} requests")
                rates[size] = measured.rate * size
    return rates


def section(plan: Plan) -> str:
    """Measure and return the section of the report."""
    rows = measure(plan.seconds, CONNECTIONS)
    lines = [
        "Events per second, acknowledged when encrypted and on the disk; the DRF view has no encryption. Latencies at half load.",
        "",
        *table(
            "events per request",
            "connections",
            "collector",
            "DRF view",
            "ratio",
            "goal",
            "p50 ms",
            "p99 ms",
            "put off (429)",
        ),
    ]
    for one in rows:
        cells: list[str] = ["", "", ""]
        if one.drf is not None and one.ratio is not None:
            cells = [f"{one.drf:,.0f}", f"{one.ratio:.1f}", f"{GOALS[one.events]:.0f}"]
        latencies = f"{one.p50:.1f}", f"{one.p99:.1f}", f"{one.put_off:.0%}"
        lines.append(row(one.events, one.connections, f"{one.collector:,.0f}", *cells, *latencies))
    note = ["", _PUT_OFF] if any(one.put_off for one in rows) else []
    return "\n".join([*lines, "", *_for_scale(rows), *note])


def _for_scale(rows: Sequence[Row]) -> list[str]:
    """Compare with what was published of another product; these were measured elsewhere."""
    measured = {(one.events, one.connections): one.collector for one in rows}
    lines = table(
        "for scale: RudderStack's gateway with PostgreSQL", "accepts", "the collector", "ratio"
    )
    for (events, connections), accepted in RUDDERSTACK.items():
        ours = measured[events, connections]
        name = f"requests of {events} over {connections} connections"
        lines.append(row(name, f"{accepted:,}", f"{ours:,.0f}", f"{ours / accepted:.1f}"))
    return lines
