"""Touchpoints about our own messages: Segment's names for e-mail, our own for the other channels. No Django, no clock."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from activation.deliveries.tokens import Sent
from activation.deliveries.types import ReactionKind
from identity.clock import Instant, to_datetime

_LONGEST_ID = 100

SENT = MappingProxyType(
    {"email": "Email Sent", "sms": "SMS Sent", "push": "Push Notification Sent"}
)
SENT_ELSEWHERE = "Message Sent"
SENDING = frozenset({*SENT.values(), SENT_ELSEWHERE})

REACTIONS: Mapping[str, ReactionKind] = MappingProxyType(
    {
        "Email Opened": ReactionKind.OPENED,
        "Email Link Clicked": ReactionKind.CLICKED,
        "Message Clicked": ReactionKind.CLICKED,
        "Ad Clicked": ReactionKind.CLICKED,
        "Message Link Scanned": ReactionKind.SCANNED,
        "Email Bounced": ReactionKind.BOUNCED,
        "Email Marked as Spam": ReactionKind.COMPLAINED,
        "Unsubscribed": ReactionKind.UNSUBSCRIBED,
        "Email Delivered": ReactionKind.DELIVERED,
        "Message Delivered": ReactionKind.DELIVERED,
        "Message Failed": ReactionKind.FAILED,
    }
)


def sent_event(sent: Sent) -> dict[str, Any]:
    """Return the touchpoint that says that a message went out."""
    name = SENT.get(sent.channel, SENT_ELSEWHERE)
    event = event_of(sent, name, direction="outbound")
    return {**event, "messageId": message_id("sent", sent.key), "timestamp": iso(sent.at)}


def message_id(*parts: str) -> str:
    """Return a messageId of fewer than 100 characters, the same for the same parts."""
    text = ":".join(parts)
    return text if len(text) < _LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()


def iso(at: Instant) -> str:
    return to_datetime(at).isoformat(timespec="milliseconds")


def event_of(sent: Sent, name: str, *, both: bool = False, **properties: Any) -> dict[str, Any]:
    """Return a track payload without messageId and timestamp.

    It belongs to the owner of the delivery; with `both` also to the address, for a wish that holds wherever the address goes.
    """
    keys = [sent.owner, sent.address] if both and sent.address else [sent.owner]
    return {
        "type": "track",
        "event": name,
        "properties": {
            "channel": sent.channel,
            "message_class": sent.message_class,
            **properties,
        },
        "context": {"filrouge": {"identifiers": list(dict.fromkeys(keys)), "delivery": sent.key}},
    }
