"""The way in for what the product itself sends: imports, receipts, what the console records. Posts to the loopback door."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from django.conf import settings

from identity.privacy.keys import require_keys
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.types import Mode

_TIMEOUT = 30.0


class DoorRefuses(Exception):
    """The collector does not take the batch at all; the message says why."""


class Full(InboxAway):
    """Too many touchpoints wait for the lane; come again after `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__("too many touchpoints wait for the lane")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken, by its position in what was posted."""

    index: int
    code: str
    message: str


class Door:
    """An open connection to the collector."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def post(
        self,
        events: Sequence[Mapping[str, Any]],
        *,
        source: int | None = None,
        mode: Mode = Mode.LIVE,
    ) -> list[Refused]:
        """Store Segment-style events durably; return those that were refused.

        `source`: the source's id, None for the product's own. Raises InboxAway (send the same messageIds again; Full says when) or
        DoorRefuses.
        """
        body = msgspec.json.encode({"events": events, "source": source, "mode": mode})
        try:
            answer = self._client.post("/touchpoints", content=body)
        except httpx.TransportError as error:
            raise InboxAway(f"the collector does not answer: {type(error).__name__}") from error
        if answer.status_code == httpx.codes.OK:
            return [Refused(*each) for each in answer.json().get("errors", ())]
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise Full(float(answer.headers["Retry-After"]))
        if answer.is_server_error:
            raise InboxAway(f"the collector answers {answer.status_code}")
        raise DoorRefuses(f"{answer.status_code}: {answer.json()['message']}")


@contextmanager
def opened() -> Iterator[Door]:
    """Keep a connection for many posts."""
    token = require_keys(settings.KEYS_FILE).door
    with httpx.Client(
        base_url=f"http://{settings.COLLECTOR_INNER_BIND}",
        headers={"Authorization": f"Bearer {token}"},
        timeout=_TIMEOUT,
        trust_env=False,
    ) as client:
        yield Door(client)


def post(
    events: Sequence[Mapping[str, Any]], *, source: int | None = None, mode: Mode = Mode.LIVE
) -> list[Refused]:
    """Store events over a connection of their own; see Door.post."""
    with opened() as door:
        return door.post(events, source=source, mode=mode)
