"""The load of the campaigns: nothing is lost of it, and it sends no more than it may."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.stream import Shop
from tests.crash.load import BATCH, Load


class _Collector(ThreadingHTTPServer):
    """Refuses each batch that it sees for the first time, when `strict`; counts the messageIds that it took."""

    daemon_threads = True
    strict = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: set[str] = set()
        self.taken: Counter[str] = Counter()


class _Handler(BaseHTTPRequestHandler):
    server: _Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ids = [event["messageId"] for event in json.loads(body)["batch"]]
        refused = self.server.strict and ids[0] not in self.server.seen
        self.server.seen.add(ids[0])
        if not refused:
            self.server.taken.update(ids)
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[_Collector]:
    with _Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _load(collector: _Collector, rate: int) -> Load:
    address = f"127.0.0.1:{collector.server_port}"
    return Load(address, "key", Shop(50).touchpoints(100_000), rate, connections=3)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_what_was_refused_is_sent_again_and_acknowledged_once(collector: _Collector):
    collector.strict = True
    load = _load(collector, 5_000)
    load.start()
    _until(lambda: len(load.acknowledged) >= 20 * BATCH)
    load.stop()
    assert set(collector.taken) == load.acknowledged
    assert set(collector.taken.values()) == {1}
    assert len(load.sent) == len(load.acknowledged)


def test_a_ration_is_sent_and_no_more_until_there_is_another(collector: _Collector):
    load = _load(collector, 50_000)
    load.ration(4 * BATCH)
    load.start()
    _until(lambda: len(load.acknowledged) == 4 * BATCH)
    assert load.rests()
    load.ration(2 * BATCH)
    _until(lambda: len(load.acknowledged) == 6 * BATCH)
    load.stop()
    assert len(load.acknowledged) == 6 * BATCH


@pytest.mark.slow
def test_the_rate_is_what_was_acknowledged_in_the_last_second(collector: _Collector):
    load = _load(collector, 50_000)
    assert load.rate() == 0
    load.ration(4 * BATCH)
    load.start()
    _until(lambda: load.rate() == 4 * BATCH)
    _until(lambda: load.rate() == 0)
    load.stop()
