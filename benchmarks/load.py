"""A load generator that costs little: raw connections, requests that are made beforehand, answers barely looked at."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop


@dataclass
class Measured:
    """Answers in `seconds`; `latencies` in seconds, of each answered request."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def rate(self) -> float:
        """Requests answered with 200, per second."""
        return (len(self.latencies) - self.refused) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds that this share of the requests stayed below; NaN when none was answered."""
        if not self.latencies:
            return math.nan
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


class _Connection(asyncio.Protocol):
    """Sends one request at a time; tells `answered` when its answer is complete."""

    def __init__(self, answered: Callable[["_Connection", bool], None]) -> None:
        self._answered = answered
        self._buffer = b""
        self.begun = 0.0
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, request: bytes, begun: float) -> None:
        self.begun = begun
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) >= length:
            self._buffer = b""
            self._answered(self, head.startswith(b"HTTP/1.1 200"))


def post(address: str, path: str, authorization: str, body: bytes) -> bytes:
    """Return the bytes of one request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def saturate(
    address: str, requests: Sequence[bytes], connections: int, seconds: float
) -> Measured:
    """Send the next request of each connection as soon as the last is answered."""
    return uvloop.run(_saturate(address, requests, connections, seconds))


async def _saturate(
    address: str, requests: Sequence[bytes], connections: int, seconds: float
) -> Measured:
    measured, number = Measured(), 0
    running, done = True, asyncio.Event()
    begun = time.perf_counter()

    def following(connection: _Connection) -> None:
        nonlocal number
        connection.send(requests[number % len(requests)], time.perf_counter())
        number += 1

    def answered(connection: _Connection, good: bool) -> None:  # noqa: FBT001
        measured.latencies.append(time.perf_counter() - connection.begun)
        measured.refused += not good
        if running:
            following(connection)
        else:
            done.set()

    opened = await _open(address, connections, answered)
    begun = time.perf_counter()
    for connection in opened:
        following(connection)
    await asyncio.sleep(seconds)
    measured.seconds = time.perf_counter() - begun
    running = False
    count = len(measured.latencies)
    await asyncio.wait_for(done.wait(), 30)
    del measured.latencies[count:]
    _close(opened)
    return measured


def steady(address: str, requests: Sequence[bytes], rate: float, seconds: float) -> Measured:
    """Send `rate` requests per second whether answers come or not; latency counts from when a request was due."""
    return uvloop.run(_steady(address, requests, rate, seconds))


async def _steady(
    address: str, requests: Sequence[bytes], rate: float, seconds: float
) -> Measured:
    measured = Measured()
    idle: list[_Connection] = []
    due: list[float] = []

    def answered(connection: _Connection, good: bool) -> None:  # noqa: FBT001
        measured.latencies.append(time.perf_counter() - connection.begun)
        measured.refused += not good
        if due:
            connection.send(requests[len(measured.latencies) % len(requests)], due.pop(0))
        else:
            idle.append(connection)

    opened = await _open(address, 64, answered)
    idle.extend(opened)
    begun = time.perf_counter()
    sent = 0
    while (passed := time.perf_counter() - begun) < seconds:
        while sent < passed * rate:
            moment = begun + sent / rate
            if idle:
                idle.pop().send(requests[sent % len(requests)], moment)
            else:
                due.append(moment)
            sent += 1
        await asyncio.sleep(0.001)
    measured.seconds = time.perf_counter() - begun
    while len(idle) < len(opened):
        await asyncio.sleep(0.01)
    _close(opened)
    return measured


async def _open(
    address: str, connections: int, answered: Callable[[_Connection, bool], None]
) -> list[_Connection]:
    host, port = address.split(":")
    loop = asyncio.get_running_loop()
    opened = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(answered), host, int(port)
        )
        opened.append(connection)
    return opened


def _close(opened: Sequence[_Connection]) -> None:
    for connection in opened:
        if connection.transport is not None:
            connection.transport.close()
