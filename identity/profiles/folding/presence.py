"""When an owner identifier came up first, when its person last did something, and how often it met the brand in which way."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from identity.clock import Instant
from identity.profiles.types import Arrival
from identity.sql import Rows, execute
from identity.touchpoints.types import Direction, Touchpoint

_CONTACTS = frozenset({"track", "page", "screen"})


class _Way(NamedTuple):
    owner: int
    direction: str
    channel: str
    message_class: str
    event: str


def fold_seen(arrivals: Sequence[Arrival]) -> None:
    """Widen the span in which each owner was seen; one statement."""
    spans: dict[int, tuple[Instant, Instant | None]] = {}
    for arrival in arrivals:
        at = arrival.touchpoint.at
        first, last = spans.get(arrival.owner, (at, None))
        if acts(arrival.touchpoint):
            last = at if last is None else max(last, at)
        spans[arrival.owner] = min(first, at), last
    if not spans:
        return
    rows = Rows("span", owner="bigint", first_at="bigint", last_at="bigint")
    known = "identity_seen"
    execute(
        f"INSERT INTO {known} (owner_id, first_at, last_at)"
        f" SELECT span.owner, span.first_at, span.last_at FROM {rows} WHERE true"
        " ON CONFLICT (owner_id) DO UPDATE SET"
        f" first_at = CASE WHEN excluded.first_at < {known}.first_at"
        f" THEN excluded.first_at ELSE {known}.first_at END,"
        f" last_at = CASE WHEN {known}.last_at IS NULL OR excluded.last_at > {known}.last_at"
        f" THEN excluded.last_at ELSE {known}.last_at END",
        rows.of((owner, *span) for owner, span in spans.items()),
    )


def fold_contacts(arrivals: Sequence[Arrival]) -> None:
    """Count the batch's contacts by direction, channel, class and event; one statement."""
    counts: dict[_Way, tuple[int, Instant, Instant]] = {}
    for arrival in arrivals:
        if arrival.touchpoint.type in _CONTACTS:
            way, at = _way(arrival), arrival.touchpoint.at
            count, first, last = counts.get(way, (0, at, at))
            counts[way] = count + 1, min(first, at), max(last, at)
    if counts:
        _count((*way, *count) for way, count in counts.items())


def acts(touchpoint: Touchpoint) -> bool:
    """Say whether the person did something: what the brand sends, and what happens to it on the way, is none of their acts."""
    return touchpoint.direction is Direction.INBOUND or touchpoint.type not in _CONTACTS


def _way(arrival: Arrival) -> _Way:
    touchpoint = arrival.touchpoint
    return _Way(
        arrival.owner,
        touchpoint.direction.value,
        _name(touchpoint.channel, 60),
        _name(touchpoint.message_class, 60),
        _name(touchpoint.event, 200),
    )


def _name(text: str, longest: int) -> str:
    return text[:longest].replace("\0", "")


def _count(counts: Iterable[tuple[int | str, ...]]) -> None:
    rows = Rows(
        "met",
        owner="bigint",
        direction="text",
        channel="text",
        message_class="text",
        event="text",
        count="bigint",
        first_at="bigint",
        last_at="bigint",
    )
    known = "identity_contactcount"
    execute(
        f"INSERT INTO {known}"
        " (owner_id, direction, channel, message_class, event, count, first_at, last_at)"
        " SELECT met.owner, met.direction, met.channel, met.message_class, met.event, met.count,"
        f" met.first_at, met.last_at FROM {rows} WHERE true"
        " ON CONFLICT (owner_id, direction, channel, message_class, event) DO UPDATE SET"
        f" count = {known}.count + excluded.count,"
        f" first_at = CASE WHEN excluded.first_at < {known}.first_at"
        f" THEN excluded.first_at ELSE {known}.first_at END,"
        f" last_at = CASE WHEN excluded.last_at > {known}.last_at"
        f" THEN excluded.last_at ELSE {known}.last_at END",
        rows.of(counts),
    )
