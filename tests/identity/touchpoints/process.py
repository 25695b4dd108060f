"""A collector in a process of its own, spoken to as clients do, and its inbox as the lane finds it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from identity.privacy.keys import Keys, keys_at
from identity.touchpoints import payload
from identity.touchpoints.decode import NO_SOURCE
from tests.installation import ROOT
from tests.places import place
from tests.ports import free_port


class Collector:
    """Starts and ends; makes sources and keys; reads the inbox."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.directory = directory
        self.place = place(directory)
        self.address = f"127.0.0.1:{free_port()}"
        self.door = f"127.0.0.1:{free_port()}"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("FILROUGE_")
        }
        self.environment = inherited | {
            "DJANGO_SETTINGS_MODULE": "dmp_site.settings",
            "PYTHONPATH": str(ROOT),
            "FILROUGE_DATA_DIR": str(directory),
            "FILROUGE_COLLECTOR_BIND": self.address,
            "FILROUGE_COLLECTOR_INNER_BIND": self.door,
            **{
                f"FILROUGE_{name}": value
                for name, value in {**self.place.settings, **settings}.items()
            },
        }
        self.url = f"http://{self.address}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def keys(self) -> Keys:
        return keys_at(self.directory / "keys.json")

    def start(self) -> None:
        """Start and wait until it answers."""
        self.place.prepare()
        with (self.directory / "collector.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.identity.touchpoints.serve"],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)
        raise AssertionError(self.log())

    def log(self) -> str:
        return (self.directory / "collector.log").read_text()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the status."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.process = None
        return status

    def shell(self, code: str) -> str:
        """Run Python code in the installation; return what it printed."""
        result = subprocess.run(
            [sys.executable, "manage.py", "shell", "--verbosity", "0", "-c", code],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def key(self, name: str = "shop", *, enabled: bool = True) -> str:
        """Make a source of that name and a write key for it."""
        return self.shell(
            "from identity.touchpoints import sources\n"
            f"source = sources.create({name!r}, 'site', 1, actor='tests')\n"
            f"source.enabled = {enabled}; source.save()\n"
            "print(sources.create_key(source.pk, 1, actor='tests')[1])"
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return every row but the collector's own, in the order of their numbers."""
        return [
            {
                "source": source,
                "mode": mode,
                "given": given,
                "envelope": envelope,
                "event": json.loads(event),
            }
            for _, mode, source, clear in self._clear()
            if source != NO_SOURCE
            for given, envelope, event in [payload.unpack(clear)]
        ]

    def events(self) -> list[dict[str, Any]]:
        return [row["event"] for row in self.rows()]

    def refused(self) -> dict[str, int]:
        """Return how many events were refused, by reason."""
        found: Counter[str] = Counter()
        for _, _, source, clear in self._clear():
            for _, reason, _, count in json.loads(clear) if source == NO_SOURCE else []:
                found[reason] += count
        return found

    def _clear(self) -> list[tuple[int, str, int, bytes]]:
        found = [
            (number, mode, source, payload.unseal(self.keys.inbox, sealed))
            for mode in ("live", "history")
            for number, source, sealed in self.place.inbox(mode)
        ]
        return sorted(found)


@contextlib.contextmanager
def collector(directory: Path, **settings: str) -> Iterator[Collector]:
    """Yield a running collector on the stores that STORES names; end it afterwards, and see that it ended as it was told."""
    made = Collector(directory, **settings)
    made.start()
    try:
        yield made
    finally:
        status = made.end()
        made.place.remove()
        assert status == 0, made.log()
