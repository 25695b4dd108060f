"""Reads out of touchpoints what people allow and forbid. No Django, no clock.

- `context.consent.categoryPreferences`, {category: true | false}: the category is the purpose, for every channel;
- an identify call's trait `consent`, {purpose: true | false} or {purpose: {channel: true | false}};
- "Unsubscribed" refuses marketing on its channel (properties.channel; "email" unless said);
- "Email Marked as Spam" refuses marketing on it and bars it altogether;
- "Email Bounced" bars the address, unless it says that it was a soft bounce.

The newest word counts, by the time at which it was said, which is at most the time at which it was received.
"""

import re
from typing import Any

from identity.clock import Instant
from identity.privacy.types import ADDRESS, EVERY, MARKETING, Barred, Reason, Said
from identity.touchpoints.contacts import is_soft
from identity.touchpoints.types import Touchpoint

UNSUBSCRIBED = "Unsubscribed"
COMPLAINED = "Email Marked as Spam"
BOUNCED = "Email Bounced"
_ENDS = {UNSUBSCRIBED, COMPLAINED}
_BARS = {COMPLAINED, BOUNCED}
_PURPOSE, _CHANNEL = 100, 60  # the longest names that are kept
# A letter or a space, written so that a word is not seen.
_ESCAPED = re.compile(rb"\\u00(?:20|[4-6]|7[0-9aA])")


def may_hold(payload: bytes) -> bool:
    """Tell, without reading it, whether a JSON payload may hold a wish; yes in doubt. Asked of every row that is collected."""
    return (
        b"consent" in payload
        or b"Unsubscribed" in payload
        or b"Email Bounced" in payload
        or b"Email Marked as Spam" in payload
        or (b"\\u00" in payload and _ESCAPED.search(payload) is not None)
    )


def said(touchpoint: Touchpoint) -> list[Said]:
    """Return what a touchpoint says about purposes."""
    if touchpoint.owner is None:
        return []
    words = [
        _said(touchpoint, touchpoint.owner.key, purpose.strip(), channel, granted=granted)
        for stated in _preferences(touchpoint)
        for purpose, answer in stated.items()
        for channel, granted in _answers(answer)
        if _fits(purpose, _PURPOSE) and _fits(channel, _CHANNEL)
    ]
    if touchpoint.event in _ENDS and touchpoint.type == "track":
        channel = _channel(touchpoint)
        words += [
            _said(touchpoint, identifier, MARKETING, channel, granted=False)
            for identifier in _both(touchpoint, channel)
        ]
    return words


def barred(touchpoint: Touchpoint) -> list[Barred]:
    """Return the channels that a touchpoint closes."""
    if touchpoint.event not in _BARS or touchpoint.type != "track" or touchpoint.owner is None:
        return []
    channel = _channel(touchpoint)
    if touchpoint.event == COMPLAINED:
        whose, reason = _both(touchpoint, channel), Reason.COMPLAINED
    elif is_soft(touchpoint.properties):
        return []
    else:
        # A mailbox that is gone closes its address, not its owner's others; where there are no addresses it closes the person.
        owner = [] if channel in ADDRESS else [touchpoint.owner.key]
        whose, reason = _addresses(touchpoint, channel) or owner, Reason.BOUNCED
    return [_barred(touchpoint, identifier, channel, reason) for identifier in whose]


def _preferences(touchpoint: Touchpoint) -> list[dict[str, Any]]:
    consent = touchpoint.context.get("consent")
    categories = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    found = (categories, touchpoint.traits.get("consent"))
    return [stated for stated in found if isinstance(stated, dict)]


def _answers(answer: Any) -> list[tuple[str, bool]]:
    by_channel = answer if isinstance(answer, dict) else {EVERY: answer}
    return [
        (channel.strip().lower(), granted)
        for channel, granted in by_channel.items()
        if isinstance(granted, bool)
    ]


def _fits(name: str, longest: int) -> bool:
    return len(name.strip()) > 0 and len(name) <= longest and "\0" not in name


def _said(
    touchpoint: Touchpoint, identifier: str, purpose: str, channel: str, *, granted: bool
) -> Said:
    return Said(
        identifier,
        purpose,
        channel,
        granted,
        _when(touchpoint),
        touchpoint.received_at,
        touchpoint.id,
        f"source:{touchpoint.source}",
    )


def _barred(touchpoint: Touchpoint, identifier: str, channel: str, reason: Reason) -> Barred:
    return Barred(
        identifier,
        channel,
        reason.value,
        True,  # noqa: FBT003 - a row of the table
        _when(touchpoint),
        touchpoint.received_at,
        touchpoint.id,
        f"source:{touchpoint.source}",
    )


def _when(touchpoint: Touchpoint) -> Instant:
    """Return when it was said: not after we heard it. By a clock that is ahead a yes would outrank the no that was said after it."""
    return min(touchpoint.at, touchpoint.received_at)


def _channel(touchpoint: Touchpoint) -> str:
    return touchpoint.channel if _fits(touchpoint.channel, _CHANNEL) else "email"


def _addresses(touchpoint: Touchpoint, channel: str) -> list[str]:
    """Return the keys of the touchpoint's identifiers that are addresses of the channel."""
    namespace = ADDRESS.get(channel)
    return [one.key for one in touchpoint.identifiers if one.namespace == namespace]


def _both(touchpoint: Touchpoint, channel: str) -> list[str]:
    """Return the owner's key and those of the addresses: the wish holds for the person, and for the address wherever it goes."""
    owner = [touchpoint.owner.key] if touchpoint.owner else []
    return list(dict.fromkeys([*owner, *_addresses(touchpoint, channel)]))
