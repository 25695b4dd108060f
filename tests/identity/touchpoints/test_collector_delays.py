"""What is bad in one request delays no other: the collector answers beside it as if it were not there."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from identity.touchpoints.collector.http import LARGEST_BODY
from tests.identity.touchpoints.process import Collector, collector

pytestmark = pytest.mark.process

AGAIN = 3  # bad bodies that must have been answered
SLOW = 1.0  # seconds; and nothing is called slow that is not far slower than the same in a calm moment
FAR = 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with collector(tmp_path_factory.mktemp("collector")) as made:
        yield made


@pytest.fixture(scope="module")
def key(server: Collector) -> str:
    return server.key()


@pytest.fixture(scope="module")
def calm(server: Collector, key: str) -> float:
    """Return the seconds of the slowest answer while nothing bad comes."""
    with _client(server, key) as client:
        return max(_seconds(client) for _ in range(100))


def _as_many(event: bytes, before: bytes = b'{"batch":[', after: bytes = b"]}") -> bytes:
    """Return the largest body that a list of such events can be."""
    room = LARGEST_BODY - len(before) - len(after)
    return before + b",".join([event] * (room // (len(event) + 1))) + after


def _brackets() -> bytes:
    return b'{"type":"page","userId":"1","list":[' + b",".join([b"[]"] * 10_000) + b"]}"


BAD: dict[str, tuple[Callable[[], bytes], int]] = {
    "half pairs": (lambda: _as_many(b'"\\ud800"'), 413),
    "one half pair": (lambda: _as_many(b"{}", b'{"batch":["\\ud800",'), 413),
    "half pairs in events": (
        lambda: _as_many(
            b'{"type":"page","userId":"1","x":"\\ud800","list":['
            + b",".join([b"[]"] * 550)
            + b"]}"
        ),
        200,
    ),
    "events full of brackets": (lambda: _as_many(_brackets()), 200),
    "half a pair at the end": (lambda: _as_many(b"{}", after=b',"\\ud800"]}'), 413),
    "backslashes before half a pair": (
        lambda: _as_many(b'"' + b"\\" * 100_000 + b'"', after=b',"\\ud800"]}'),
        200,
    ),
    "a context full of brackets": (
        lambda: _as_many(b"[]", b'{"context":{"a":[', b']},"batch":[{}]}'),
        413,
    ),
    "deep": (lambda: b'{"batch":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "deep, with half a pair": (
        lambda: b'{"batch":["\\ud800",' + b"[" * 100_000 + b"]" * 100_000 + b"]}",
        400,
    ),
    "a bomb": (lambda: gzip.compress(bytes(500_000_000), 9, mtime=0), 413),
    "a bomb of many members": (lambda: gzip.compress(b"", mtime=0) * 200_000, 400),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_bodies_delay_no_good_event(
    server: Collector, key: str, calm: float, kind: str
) -> None:
    make, status = BAD[kind]
    took: list[float] = []
    with _sending(server, key, make()) as answered, _client(server, key) as client:
        while len(answered) < AGAIN or len(took) < AGAIN:
            took.append(_seconds(client))
    assert set(answered) == {status}
    assert max(took) < max(SLOW, FAR * calm)


@contextmanager
def _sending(server: Collector, key: str, body: bytes) -> Iterator[list[int]]:
    """Send the body again and again beside the test; yield the statuses of the answers."""
    statuses: list[int] = []
    stop = threading.Event()

    def send() -> None:
        with _client(server, key) as client:
            while not stop.is_set():
                statuses.append(client.post("/v1/batch", content=body).status_code)

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        try:
            yield statuses
        finally:
            stop.set()
    sending.result()


def _client(server: Collector, key: str) -> httpx.Client:
    return httpx.Client(base_url=server.url, auth=(key, ""), timeout=120, trust_env=False)


def _seconds(client: httpx.Client) -> float:
    begun = time.perf_counter()
    answer = client.post("/v1/page", json={"type": "page", "userId": "1"})
    assert answer.status_code == 200
    return time.perf_counter() - begun
