"""A bounded load of touchpoints that behaves as a Segment library does: what was not acknowledged is sent again, as it was."""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import httpx

BATCH = 50
_PATIENCE = 600  # seconds: it may be killed, and an inbox that is full takes nothing until the lane has made room


class Load:
    """Sends `rate` touchpoints a second until stopped; `acknowledged` holds the messageIds that got a 200."""

    def __init__(
        self, address: str, write_key: str, events: Iterator[Mapping[str, Any]], rate: int
    ) -> None:
        token = base64.b64encode(f"{write_key}:".encode()).decode()
        self._url = f"http://{address}/v1/batch"
        self._headers = {"Authorization": f"Basic {token}"}
        self._events = events
        self._pause = BATCH / rate
        self._stop = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")
        self.acknowledged: set[str] = set()
        self.sent: list[Mapping[str, Any]] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop drawing new touchpoints; return when the last batch is acknowledged."""
        self._stop.set()
        self._thread.join()

    def give_up(self) -> None:
        """Stop at once, whatever is not acknowledged."""
        self._given_up.set()
        self.stop()

    def _run(self) -> None:
        with httpx.Client(timeout=10, headers=self._headers) as client:
            due = time.monotonic()
            while not self._stop.is_set():
                batch = list(islice(self._events, BATCH))
                if not batch:
                    return
                self._deliver(client, batch)
                due = max(due + self._pause, time.monotonic() - 1)
                self._stop.wait(max(0.0, due - time.monotonic()))

    def _deliver(self, client: httpx.Client, batch: list[Mapping[str, Any]]) -> None:
        content = json.dumps({"batch": batch})
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and not self._given_up.is_set():
            try:
                if client.post(self._url, content=content).status_code == httpx.codes.OK:
                    self.acknowledged.update(str(event["messageId"]) for event in batch)
                    self.sent.extend(batch)
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        if not self._given_up.is_set():
            raise AssertionError(f"the collector did not come back within {_PATIENCE} s")
