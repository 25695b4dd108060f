"""Who turned to whom in an event, over which channel: the events that are contacts by their name."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from identity.touchpoints.types import Direction

_IN, _OUT, _NONE = Direction.INBOUND, Direction.OUTBOUND, Direction.NONE


class Contact(NamedTuple):
    """`channel` and `message_class` are "" where nobody says."""

    direction: Direction
    channel: str = ""
    message_class: str = ""


# Segment's names for e-mail, mobile and advertising; those of the product's own channels; calls, letters and shops.
KNOWN: Mapping[str, Contact] = {
    "Email Sent": Contact(_OUT, "email"),
    "Email Delivered": Contact(_NONE, "email"),
    "Email Opened": Contact(_IN, "email"),
    "Email Link Clicked": Contact(_IN, "email"),
    "Email Bounced": Contact(_NONE, "email"),
    "Email Marked as Spam": Contact(_IN, "email"),
    "Unsubscribed": Contact(_IN, "email"),
    "Message Delivered": Contact(_NONE),
    "Message Failed": Contact(_NONE),
    "Message Clicked": Contact(_IN),
    "Message Link Scanned": Contact(_NONE),
    "SMS Sent": Contact(_OUT, "sms"),
    "SMS Received": Contact(_IN, "sms"),
    "Push Notification Sent": Contact(_OUT, "push"),
    "Push Notification Received": Contact(_NONE, "push"),
    "Push Notification Tapped": Contact(_IN, "push"),
    "Ad Impression": Contact(_OUT, "display"),
    "Ad Clicked": Contact(_IN, "display"),
    "Call Made": Contact(_OUT, "call"),
    "Call Received": Contact(_IN, "call"),
    "Letter Sent": Contact(_OUT, "mail"),
    "Campaign Contacted": Contact(_OUT),
}
_BY_TYPE = {"page": "site", "screen": "app"}
_BY_SOURCE = {"site": "site", "app": "app", "ads": "display", "crm": "crm"}
_SOFT = ("soft", "transient", "temporary", "undetermined")
_OPENED, _SCANNED = "Email Opened", "Message Link Scanned"
_ACTIVE = frozenset({_IN.value, _OUT.value})
_HUMAN = "human"
CHANNELS = frozenset(
    {*_BY_TYPE.values(), *_BY_SOURCE.values(), *(one.channel for one in KNOWN.values())} - {""}
)
_LONGEST = 60


def is_human(event: str, properties: Mapping[str, Any]) -> bool:
    """Tell whether a person may have done this. What a machine or a proxy opens or scans is kept, and moves nothing.

    An open that does not say of which kind it is counts as a person's: whoever reports opens without judging them (Segment's
    specification has no word for it) means those of people. One that names a kind counts only if the kind is "human".
    """
    if event != _OPENED:
        return event != _SCANNED
    kind = properties.get("open_kind")
    return kind is None or kind in ("", _HUMAN)


def is_soft(properties: Mapping[str, Any]) -> bool:
    """Tell whether a bounce says that it may pass, and so nothing about the message and its address."""
    kind = properties.get("bounce_type", properties.get("type"))
    return isinstance(kind, str) and kind.strip().lower().startswith(_SOFT)


def contact(type_: str, event: str, properties: Mapping[str, Any], source_kind: str) -> Contact:
    """Say what kind of contact an event is. Its properties (direction, channel, message_class) outrank its name.

    identify, group and alias are facts, not contacts; what a proxy or a machine did is none either.
    """
    if type_ not in {"track", "page", "screen"}:
        return Contact(_NONE)
    known = KNOWN.get(event) if type_ == "track" else None
    if known is None:
        known = Contact(_IN, _BY_TYPE.get(type_) or _BY_SOURCE.get(source_kind, ""))
    return Contact(
        _direction(event, properties, known.direction),
        _word(properties.get("channel")) or known.channel,
        _word(properties.get("message_class")),
    )


def _direction(event: str, properties: Mapping[str, Any], known: Direction) -> Direction:
    if not is_human(event, properties):
        return _NONE
    said = properties.get("direction")
    return Direction(said) if isinstance(said, str) and said in _ACTIVE else known


def _word(value: Any) -> str:
    return value.strip().lower()[:_LONGEST] if isinstance(value, str) else ""
