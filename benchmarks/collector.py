"""The collector against the same endpoint as a DRF view: durable touchpoints per second, latency at half load.

    python -m benchmarks.collector [--seconds 5]

Both run as one process beside the load generator, one after the other, on fresh stores; each is measured in requests of 1, 10 and 100
events. The collector encrypts, checks, and answers once the events are on the disk (SQLite, synchronous=FULL); the view parses,
validates and stores with bulk_create in an SQLite database of the same settings, served by gunicorn's threads.
"""

import argparse
import base64
import contextlib
import itertools
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import load
from benchmarks.stream import Shop
from tests.installation import ROOT, free_port

SIZES = (1, 10, 100)
GOALS = {1: 6.0, 10: 4.0, 100: 3.0}
_DISTINCT = 200  # requests made beforehand, sent in turns


@dataclass(frozen=True)
class Row:
    """One line of the report. Rates are events per second, latencies milliseconds at half of the highest rate."""

    events: int
    connections: int
    collector: float
    drf: float | None
    p50: float
    p99: float

    @property
    def ratio(self) -> float | None:
        return None if self.drf is None else self.collector / self.drf


class Server:
    """An installation and one server process on it."""

    def __init__(self, folder: Path) -> None:
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
        self.authorization = "Basic " + base64.b64encode(f"{key}:".encode()).decode()

    def requests(self, size: int) -> list[bytes]:
        """Return requests of `size` events each, none of which is like another."""
        events = iter(Shop(100_000, seed=size).touchpoints(_DISTINCT * size))
        return [
            load.post(
                self.address,
                "/v1/batch",
                self.authorization,
                json.dumps({"batch": list(itertools.islice(events, size))}).encode(),
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
        with server.running(sys.executable, "-m", "benchmarks.collector", "--serve"):
            for size in SIZES:
                requests = server.requests(size)
                load.saturate(server.address, requests, 16, 1)
                for number in connections:
                    full = load.saturate(server.address, requests, number, seconds)
                    half = load.steady(server.address, requests, full.rate / 2, seconds)
                    if full.refused or half.refused:
                        raise RuntimeError(f"{full.refused + half.refused} requests were refused")
                    rows.append(
                        Row(
                            size,
                            number,
                            full.rate * size,
                            drf[size] if number == connections[0] else None,
                            half.percentile(0.5),
                            half.percentile(0.99),
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


def report(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    machine = (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()};"
        " load generator on the same cores. Events per second, acknowledged when on the disk; latencies at half load."
    )
    lines = [
        machine,
        "",
        "| events per request | connections | collector | DRF view | ratio | goal | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        drf, ratio, goal = "", "", ""
        if row.drf is not None and row.ratio is not None:
            drf, ratio, goal = f"{row.drf:,.0f}", f"{row.ratio:.1f}", f"{GOALS[row.events]:.0f}"
        lines.append(
            f"| {row.events} | {row.connections} | {row.collector:,.0f} | {drf} | {ratio} | {goal}"
            f" | {row.p50:.1f} | {row.p99:.1f} |"
        )
    return "\n".join(lines)


def _serve() -> None:
    """Run the collector alone: the addresses of other floors are not what is measured."""
    import threading  # noqa: PLC0415

    import django  # noqa: PLC0415

    django.setup()
    from identity.touchpoints import collector  # noqa: PLC0415 - Django comes first

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    collector.serve([], stop)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _serve()
    else:
        print(report(measure(options.seconds, (16, 256))))


if __name__ == "__main__":
    main()
