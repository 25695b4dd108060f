"""Rows of the inbox that were set aside, or wait for a crowd's turn: which of them are a person's.

They are sealed and hang on nobody, so that each is opened. What their retention keeps is not much.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings

from identity.clock import from_datetime
from identity.graph import policies
from identity.privacy.keys import keys_at
from identity.touchpoints import decode, payload
from identity.touchpoints.models import SetAside
from identity.touchpoints.types import InboxRow, Mode, Touchpoint


class Known(NamedTuple):
    """What is looked for: keys of identifiers, and values as people write them."""

    keys: frozenset[str]
    values: frozenset[str]


class Found(NamedTuple):
    """What a row says of a person: a touchpoint, or None: it cannot be read, and mentions one of the values."""

    touchpoint: Touchpoint | None


def theirs(row: SetAside, known: Known) -> Found | None:
    """Return what it says if it carries one of the identifiers or, being no event, mentions one of the values; else None."""
    try:
        touchpoints = decode.decode([_inbox_row(row)], policies.current())
    except (decode.Poison, ValueError):
        return Found(None) if _mentions(row, known.values) else None
    carried = (
        Found(one)
        for one in touchpoints
        if any(each.key in known.keys for each in one.identifiers)
    )
    return next(carried, None)


def _mentions(row: SetAside, values: Iterable[str]) -> bool:
    try:
        clear = payload.unseal(keys_at(settings.KEYS_FILE).inbox, bytes(row.payload))
    except payload.Unreadable:
        return False
    text = clear.decode(errors="replace").casefold()
    return any(_quoted(value.casefold()) in text for value in values)


def _quoted(value: str) -> str:
    """Return a value as JSON writes it, with its quotes: 42 is not looked for in 1042."""
    return json.dumps(value, ensure_ascii=False)


def _inbox_row(row: SetAside) -> InboxRow:
    received_at = from_datetime(row.received_at)
    return InboxRow(row.number, row.source, Mode(row.mode), received_at, bytes(row.payload))
