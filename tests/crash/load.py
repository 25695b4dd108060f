"""A bounded load of touchpoints that behaves as a Segment library does: what was not acknowledged is sent again, as it was."""

import base64
import json
import math
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import httpx

BATCH = 50
_PATIENCE = 600  # seconds: it may be killed, and an inbox that is full takes nothing until the lane has made room
_CATCH_UP = 1.0  # seconds that it may lag behind and make up for
_LOOK = 0.02  # seconds between looks while it rests


class Load:
    """Sends `rate` touchpoints a second until stopped; `acknowledged` holds the messageIds that got a 200.

    Over one connection it waits for each answer; over more, so many requests are under way at once.
    """

    def __init__(
        self,
        address: str,
        write_key: str,
        events: Iterator[Mapping[str, Any]],
        rate: int,
        *,
        connections: int = 1,
    ) -> None:
        token = base64.b64encode(f"{write_key}:".encode()).decode()
        self._url = f"http://{address}/v1/batch"
        self._headers = {"Authorization": f"Basic {token}"}
        self._events = events
        self._pause = BATCH / rate
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._given_up = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"load-{number}")
            for number in range(connections)
        ]
        self._due = 0.0
        self._left = math.inf
        self._moments: list[float] = []  # at which a batch was acknowledged
        self.acknowledged: set[str] = set()
        self.sent: list[Mapping[str, Any]] = []

    def start(self) -> None:
        self._due = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop drawing new touchpoints; return when the last batch is acknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def give_up(self) -> None:
        """Stop at once, whatever is not acknowledged."""
        self._given_up.set()
        self.stop()

    def ration(self, touchpoints: int) -> None:
        """Send so many more from now on, then rest."""
        with self._guard:
            if self._left <= 0:
                self._due = time.monotonic()
            self._left = touchpoints

    def rests(self) -> bool:
        with self._guard:
            return self._left <= 0

    def rate(self) -> int:
        """Return how many touchpoints were acknowledged in the last second."""
        with self._guard:
            since = bisect_left(self._moments, time.monotonic() - 1)
            return BATCH * (len(self._moments) - since)

    def _run(self) -> None:
        with httpx.Client(timeout=10, headers=self._headers) as client:
            while not self._stop.is_set():
                drawn = self._draw()
                if drawn is None:
                    self._stop.wait(_LOOK)
                    continue
                due, batch = drawn
                if not batch:
                    return
                self._stop.wait(max(0.0, due - time.monotonic()))
                self._deliver(client, batch)

    def _draw(self) -> tuple[float, list[Mapping[str, Any]]] | None:
        """Return the next batch, and when it is due; None while the load rests."""
        with self._guard:
            if self._left <= 0:
                return None
            self._due = max(self._due + self._pause, time.monotonic() - _CATCH_UP)
            self._left -= BATCH
            return self._due, list(islice(self._events, BATCH))

    def _deliver(self, client: httpx.Client, batch: list[Mapping[str, Any]]) -> None:
        content = json.dumps({"batch": batch})
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and not self._given_up.is_set():
            try:
                if client.post(self._url, content=content).status_code == httpx.codes.OK:
                    self._note(batch)
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        if not self._given_up.is_set():
            raise AssertionError(f"the collector did not come back within {_PATIENCE} s")

    def _note(self, batch: list[Mapping[str, Any]]) -> None:
        with self._guard:
            self._moments.append(time.monotonic())
            self.acknowledged.update(str(event["messageId"]) for event in batch)
            self.sent.extend(batch)
