"""Rows of the inbox as the collector writes them, made without one."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.conf import settings

from identity.privacy.keys import keys_at
from identity.touchpoints import payload
from identity.touchpoints.decode import decode
from identity.touchpoints.models import Source
from identity.touchpoints.types import InboxRow, Mode, Touchpoint

NOW = 1_700_000_000_000
_numbers = itertools.count(1)


def seal(clear: bytes) -> bytes:
    return payload.Sealer(keys_at(settings.KEYS_FILE).inbox).seal(clear)


def row(
    source: Source,
    event: Mapping[str, Any] | bytes,
    *,
    received_at: int = NOW,
    mode: Mode = Mode.LIVE,
    **envelope: Any,
) -> InboxRow:
    """Return the event as a row; `envelope` are fields of payload.Envelope, `given` an assigned messageId."""
    given = envelope.pop("given", "")
    encoded = event if isinstance(event, bytes) else msgspec.json.encode(event)
    clear = payload.pack(msgspec.json.encode(payload.Envelope(**envelope)), encoded, given)
    return InboxRow(next(_numbers), source.pk, mode, received_at, seal(clear))


def decoder(source: Source) -> Callable[..., Touchpoint]:
    """Return a function that decodes one event of this source."""

    def one(**event: Any) -> Touchpoint:
        (found,) = decode([row(source, {"messageId": "m", **event})])
        return found

    return one
