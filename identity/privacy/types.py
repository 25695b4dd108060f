"""What people allow and forbid, as values. No Django, no clock."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from identity.clock import Instant

EVERY = "*"  # every channel
MARKETING = "marketing"  # the purpose that an unsubscribe ends
# Channels whose address is an identifier of its own namespace.
ADDRESS = {"email": "email", "sms": "phone", "call": "phone", "push": "push_token"}


Words = Mapping[
    tuple[str, str], bool
]  # (purpose, channel) -> allowed or not, as they are in force


def said(words: Words, purpose: str, channel: str) -> bool | None:
    """Return what was said about a purpose on a channel: a word on the channel, else one on every channel; None: nothing."""
    return words.get((purpose, channel), words.get((purpose, EVERY)))


class Reason(StrEnum):
    """Why a channel must not be used."""

    BOUNCED = "bounced"  # the address does not exist; of its identifier alone
    COMPLAINED = "complained"  # marked as spam
    REQUESTED = "requested"  # asked for through the console or the API


class Said(NamedTuple):
    """Somebody with this identifier ("namespace:value") allowed or refused a purpose on a channel."""

    identifier: str
    purpose: str
    channel: str
    granted: bool
    at: Instant
    received_at: Instant
    touchpoint: str
    said_by: str


class Barred(NamedTuple):
    """From `at` on a channel must not be used for an identifier, or may again (`active` false)."""

    identifier: str
    channel: str
    reason: str
    active: bool
    at: Instant
    received_at: Instant
    touchpoint: str
    said_by: str
