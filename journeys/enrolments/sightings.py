"""Touchpoints that journeys look at: remembered while somebody may still ask for them."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from identity.clock import DAY, Instant
from identity.profiles.types import Arrival, Facts
from identity.sql import Rows, execute, fetch
from identity.touchpoints.contacts import is_human
from journeys.enrolments.plans import Plan
from journeys.matching import Seen, digest

# Longer than any trigger may be late (journeys.validation), so that who comes in late finds what happened since.
KEPT = 7 * DAY

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def remember(arrivals: Iterable[Arrival], plan: Plan) -> None:
    """Store the touchpoints of watched events, with the properties asked for; opens by machines are none."""
    found = [
        _row(arrival, plan.watched[arrival.touchpoint.event])
        for arrival in arrivals
        if arrival.touchpoint.event in plan.watched
        and is_human(arrival.touchpoint.event, arrival.touchpoint.properties)
    ]
    if not found:
        return
    rows = Rows(
        "s",
        number="bigint",
        owner="bigint",
        event="text",
        at="bigint",
        delivery="text",
        properties="text",
    )
    execute(
        "INSERT INTO journeys_sighting (number, owner_id, event, at, delivery, properties)"
        f" SELECT number, owner, event, at, delivery, properties FROM {rows}",
        rows.of(found),
    )


def _row(arrival: Arrival, paths: frozenset[str]) -> tuple[Any, ...]:
    touchpoint = arrival.touchpoint
    about = touchpoint.context.get("filrouge")
    delivery = about.get("delivery", "") if isinstance(about, Mapping) else ""
    return (
        touchpoint.number,
        arrival.owner,
        touchpoint.event,
        touchpoint.at,
        str(delivery)[:120],
        _encode(digest(touchpoint.properties, paths)).decode(),
    )


def since(moments: Mapping[int, Instant], people: Mapping[int, Facts]) -> dict[int, list[Seen]]:
    """Return, per profile, what is remembered of its owners from the given moment on, ordered by (at, number)."""
    if not moments:
        return {}
    rows = Rows("p", owner="bigint", profile="bigint", since="bigint")
    found: dict[int, list[Seen]] = {}
    for profile, number, event, at, delivery, properties in fetch(
        "SELECT p.profile, s.number, s.event, s.at, s.delivery, s.properties"
        f" FROM {rows} JOIN journeys_sighting AS s ON s.owner_id = p.owner AND s.at >= p.since"
        " ORDER BY s.at, s.number",
        rows.of(
            (owner, one, moment) for one, moment in moments.items() for owner in people[one].owners
        ),
    ):
        seen = Seen(number, event, at, delivery, _decode(properties))
        found.setdefault(profile, []).append(seen)
    return found
