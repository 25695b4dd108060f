"""Trait values: the newest of each name per owner identifier, by (at, received_at, touchpoint id)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from identity.clock import Instant
from identity.profiles.types import Arrival
from identity.sql import Rows, execute
from identity.touchpoints.types import Touchpoint

TIME_ZONE = "timezone"  # Segment's name, of the trait and of the context's field
_LONGEST = 200
_encode = msgspec.json.Encoder(order="deterministic").encode


class _Value(NamedTuple):
    owner: int
    name: str
    value: Any
    at: Instant
    received_at: Instant
    touchpoint: str
    source: int


def fold(arrivals: Sequence[Arrival]) -> None:
    """Store the batch's trait values; one statement."""
    newest: dict[tuple[int, str], _Value] = {}
    for value in _values(arrivals):
        known = newest.get(value[:2])
        if known is None or value[3:6] > known[3:6]:
            newest[value[:2]] = value
    if newest:
        _store(newest.values())


def _values(arrivals: Iterable[Arrival]) -> Iterator[_Value]:
    for arrival in arrivals:
        touchpoint = arrival.touchpoint
        moment = touchpoint.at, touchpoint.received_at, touchpoint.id, touchpoint.source
        for name, value in said(touchpoint):
            yield _Value(arrival.owner, name, value, *moment)


def said(touchpoint: Touchpoint) -> Iterator[tuple[str, Any]]:
    """Yield what a touchpoint says of its person; the device's time zone counts unless the traits have one."""
    zone = touchpoint.context.get(TIME_ZONE)
    if isinstance(zone, str) and zone and TIME_ZONE not in touchpoint.traits:
        yield TIME_ZONE, zone
    for name, value in touchpoint.traits.items():
        if name and len(name) <= _LONGEST and "\0" not in name:
            yield name, value


def _store(values: Iterable[_Value]) -> None:
    rows = Rows(
        "said",
        owner="bigint",
        name="text",
        value="text",
        at="bigint",
        received_at="bigint",
        touchpoint="text",
        source="bigint",
    )
    execute(
        "INSERT INTO identity_trait"
        " (owner_id, name, value, at, received_at, touchpoint, source)"
        " SELECT said.owner, said.name, said.value, said.at, said.received_at, said.touchpoint,"
        f" said.source FROM {rows} WHERE true"
        " ON CONFLICT (owner_id, name) DO UPDATE SET value = excluded.value, at = excluded.at,"
        " received_at = excluded.received_at, touchpoint = excluded.touchpoint,"
        " source = excluded.source"
        " WHERE (excluded.at, excluded.received_at, excluded.touchpoint) >"
        " (identity_trait.at, identity_trait.received_at, identity_trait.touchpoint)",
        rows.of((*value[:2], _encode(value.value).decode(), *value[3:]) for value in values),
    )
