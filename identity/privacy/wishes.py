"""Reads out of touchpoints what people allow and forbid. No Django, no clock.

- `context.consent.categoryPreferences`, {category: true | false}: the category is the purpose, for every channel;
- an identify call's trait `consent`, {purpose: true | false} or {purpose: {channel: true | false}};
- "Unsubscribed" refuses marketing on its channel (properties.channel; "email" unless said);
- "Email Marked as Spam" refuses marketing on it and bars it altogether;
- "Email Bounced" bars the address, unless it says that it was a soft bounce.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from identity.privacy.types import ADDRESS, EVERY, MARKETING, Barred, Reason, Said
from identity.touchpoints.types import Touchpoint

UNSUBSCRIBED = "Unsubscribed"
COMPLAINED = "Email Marked as Spam"
BOUNCED = "Email Bounced"
_ENDS = {UNSUBSCRIBED, COMPLAINED}
_SOFT = ("soft", "transient", "temporary", "undetermined")
_PURPOSE, _CHANNEL = 100, 60  # the longest names that are kept


def said(touchpoint: Touchpoint) -> Iterator[Said]:
    """Yield what a touchpoint says about purposes."""
    if touchpoint.owner is None:
        return
    owner = touchpoint.owner.key
    for purpose, channel, granted in _preferences(touchpoint):
        yield _said(touchpoint, owner, purpose, channel, granted=granted)
    if touchpoint.event in _ENDS and touchpoint.type == "track":
        channel = _channel(touchpoint)
        for identifier in _both(touchpoint, channel):
            yield _said(touchpoint, identifier, MARKETING, channel, granted=False)


def barred(touchpoint: Touchpoint) -> Iterator[Barred]:
    """Yield the channels that a touchpoint closes."""
    if touchpoint.owner is None or touchpoint.type != "track":
        return
    channel = _channel(touchpoint)
    if touchpoint.event == COMPLAINED:
        for identifier in _both(touchpoint, channel):
            yield _barred(touchpoint, identifier, channel, Reason.COMPLAINED)
    elif touchpoint.event == BOUNCED and not _soft(touchpoint.properties):
        for identifier in _addresses(touchpoint, channel) or [touchpoint.owner.key]:
            yield _barred(touchpoint, identifier, channel, Reason.BOUNCED)


def _preferences(touchpoint: Touchpoint) -> Iterator[tuple[str, str, bool]]:
    consent = touchpoint.context.get("consent")
    categories = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    for stated in (categories, touchpoint.traits.get("consent")):
        if isinstance(stated, dict):
            for purpose, answer in stated.items():
                yield from _answers(purpose, answer)


def _answers(purpose: str, answer: Any) -> Iterator[tuple[str, str, bool]]:
    by_channel = answer if isinstance(answer, dict) else {EVERY: answer}
    name = _word(purpose, _PURPOSE)
    for channel, granted in by_channel.items():
        if isinstance(granted, bool) and name and _word(channel, _CHANNEL):
            yield name, _word(channel, _CHANNEL).lower(), granted


def _word(text: str, longest: int) -> str:
    """Return a name as it is kept, "" for one that is none."""
    word = text.strip()
    return word if len(word) <= longest and "\0" not in word else ""


def _said(
    touchpoint: Touchpoint, identifier: str, purpose: str, channel: str, *, granted: bool
) -> Said:
    return Said(
        identifier,
        purpose,
        channel,
        granted,
        touchpoint.at,
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
        touchpoint.at,
        touchpoint.received_at,
        touchpoint.id,
        f"source:{touchpoint.source}",
    )


def _channel(touchpoint: Touchpoint) -> str:
    return _word(touchpoint.channel, _CHANNEL) or "email"


def _addresses(touchpoint: Touchpoint, channel: str) -> list[str]:
    """Return the keys of the touchpoint's identifiers that are addresses of the channel."""
    namespace = ADDRESS.get(channel)
    return [one.key for one in touchpoint.identifiers if one.namespace == namespace]


def _both(touchpoint: Touchpoint, channel: str) -> list[str]:
    """Return the owner's key and those of the addresses: the wish holds for the person, and for the address wherever it goes."""
    owner = [touchpoint.owner.key] if touchpoint.owner else []
    return list(dict.fromkeys([*owner, *_addresses(touchpoint, channel)]))


def _soft(properties: Mapping[str, Any]) -> bool:
    kind = properties.get("bounce_type", properties.get("type"))
    return isinstance(kind, str) and kind.strip().lower().startswith(_SOFT)
