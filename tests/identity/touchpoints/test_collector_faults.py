"""What happens to acknowledged touchpoints when the collector dies, stops, or has no room."""

import concurrent.futures
import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from identity.touchpoints.inbox.sqlite import SqliteInbox
from tests.environment import STORES
from tests.identity.touchpoints.process import Collector, collector
from tests.installation import ROOT

pytestmark = [pytest.mark.process, pytest.mark.stores]

files = pytest.mark.skipif(STORES != "sqlite", reason="an inbox in PostgreSQL is no file")


class Load:
    """Several clients that send as fast as they are answered; `acknowledged` are the ids of what was taken."""

    def __init__(self, server: Collector, key: str, clients: int = 8) -> None:
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self._server, self._key, self._clients = server, key, clients
        self._stop = threading.Event()

    def __enter__(self) -> "Load":
        self._pool = concurrent.futures.ThreadPoolExecutor(self._clients)
        self._running = [self._pool.submit(self._send, each) for each in range(self._clients)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for each in self._running:
            each.result()

    def _send(self, sender: int) -> None:
        number = 0
        with httpx.Client(base_url=self._server.url, auth=(self._key, "")) as client:
            while not self._stop.is_set():
                ids = [f"{sender}-{number}-{each}" for each in range(5)]
                batch = [{"type": "page", "userId": "1", "messageId": each} for each in ids]
                with contextlib.suppress(httpx.TransportError):
                    answer = client.post("/v1/batch", json={"batch": batch})
                    self.statuses.add(answer.status_code)
                    if answer.status_code == 200:
                        self.acknowledged += ids
                number += 1

    def wait(self, acknowledged: int) -> None:
        while len(self.acknowledged) < acknowledged:
            self._stop.wait(0.01)


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    server = Collector(tmp_path)
    server.start()
    key = server.key()
    for _ in range(3):
        with Load(server, key) as load:
            load.wait(500)
            server.end(signal.SIGKILL)
        server.start()
        stored = {each["messageId"] for each in server.events()}
        assert set(load.acknowledged) <= stored
    assert server.end() == 0


def test_a_stop_answers_what_is_in_hand(tmp_path: Path) -> None:
    server = Collector(tmp_path)
    server.start()
    with Load(server, server.key()) as load:
        load.wait(500)
        assert server.end() == 0
    assert load.statuses == {200}
    assert set(load.acknowledged) <= {each["messageId"] for each in server.events()}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Collector]:
    with collector(tmp_path, INBOX_LIMIT="100") as made:
        yield made


def test_over_the_limit_senders_are_told_to_wait(small: Collector) -> None:
    key = small.key()
    batch = {"batch": [{"type": "page", "userId": "1"}] * 60}
    headers = {"Authorization": f"Bearer {small.keys.door}"}
    history = {"events": batch["batch"], "source": 2, "mode": "history"}
    with (
        httpx.Client(base_url=small.url, auth=(key, "")) as client,
        httpx.Client(base_url=f"http://{small.door}", headers=headers) as door,
    ):
        assert client.post("/v1/batch", json=batch).status_code == 200
        assert (
            door.post("/touchpoints", json=history).status_code == 429
        )  # half is for what is live
        assert client.post("/v1/batch", json=batch).status_code == 200
        answer = client.post("/v1/batch", json=batch)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_waiting")
        assert int(answer.headers["Retry-After"]) == int(answer.headers["X-RateLimit-Reset"]) > 0
        pixel = client.get("/v1/pixel/page", params={"userId": "1"})
        assert (pixel.status_code, pixel.content[:3]) == (503, b"GIF")
        assert int(pixel.headers["Retry-After"]) > 0
        assert door.get("/health").json() == {"live": 120, "history": 0, "room": False}
        small.shell(
            "from identity.touchpoints.models import Lane; Lane.objects.update(live_position=110)"
        )
        for _ in range(400):
            if client.post("/v1/batch", json=batch).status_code == 200:
                return
            threading.Event().wait(0.05)
    raise AssertionError("it never took anything again")


@files
def test_a_full_disk_is_503_and_loses_nothing(tmp_path: Path) -> None:
    """A file-size limit of the process stands for the disk's end."""
    with collector(tmp_path, FILE_LIMIT="8000000") as server:
        key, taken = server.key(), 0
        batch = [{"type": "page", "userId": "1", "context": {"filler": "x" * 20_000}}] * 20
        with httpx.Client(base_url=server.url, auth=(key, "")) as client:
            for _ in range(200):
                answer = client.post("/v1/batch", json={"batch": batch})
                if answer.status_code != 200:
                    break
                taken += len(batch)
            assert (answer.status_code, answer.json()["code"]) == (503, "inbox_away")
            assert int(answer.headers["Retry-After"]) > 0
            query = {"userId": "1", "properties.filler": "x" * 5_000}
            for _ in range(300):
                pixel = client.get("/v1/pixel/page", params=query)
                assert pixel.content[:3] == b"GIF"
                if pixel.status_code != 200:
                    break
                taken += 1
            assert pixel.status_code == 503
            assert client.get("/health").status_code == 200
        assert len(server.rows()) == taken > 0


def test_a_second_collector_is_refused_with_a_message(tmp_path: Path) -> None:
    with collector(tmp_path) as server:
        second = subprocess.run(
            [sys.executable, "-m", "tests.identity.touchpoints.serve"],
            env=server.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode != 0
        assert "another process writes" in second.stderr


@files
def test_an_inbox_of_another_installation_is_refused(tmp_path: Path) -> None:
    with collector(tmp_path) as server:
        environment = server.environment
    (tmp_path / "inbox.sqlite3").unlink()
    SqliteInbox(tmp_path / "inbox.sqlite3").make()
    second = subprocess.run(
        [sys.executable, "-m", "tests.identity.touchpoints.serve"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode != 0
    assert "the inbox" in second.stderr
    assert "is not this installation's" in second.stderr


def test_an_older_copy_of_the_inbox_is_refused_before_it_takes_anything(tmp_path: Path) -> None:
    """What it acknowledged would get numbers that were processed already, and be skipped."""
    with collector(tmp_path) as server:
        server.shell(
            "from identity.touchpoints.models import Lane\n"
            "Lane.objects.update_or_create(pk=1, defaults={'live_position': 500})"
        )
        assert server.end() == 0
        second = subprocess.run(
            [sys.executable, "-m", "tests.identity.touchpoints.serve"],
            env=server.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode != 0
        assert "older or emptied copy" in second.stderr


@files
def test_the_inbox_is_pruned_well_behind_the_lane(tmp_path: Path) -> None:
    with collector(tmp_path) as server:
        key = server.key()
        batch = {"batch": [{"type": "page", "userId": "1"}] * 2000}
        with httpx.Client(base_url=server.url, auth=(key, ""), timeout=30) as client:
            for _ in range(8):
                assert client.post("/v1/batch", json=batch).status_code == 200
        server.shell(
            "from identity.touchpoints.models import Lane; Lane.objects.update(live_position=13000)"
        )
        for _ in range(400):
            if len(server.rows()) == 13_001:
                return
            threading.Event().wait(0.05)
        raise AssertionError(len(server.rows()))
