"""What the page asks before it shows something: `GET /v1/decisions?anonymousId=…&slots=hero,banner`.

Answered for an anonymousId only, from committed rows; the answer says what to show and nothing about who it is.
"""

from functools import partial
from typing import Any

import msgspec

from identity.clock import Instant
from identity.touchpoints.naming import identifier_of
from identity.touchpoints.public import Call, DatabaseAway, Reply, Route
from journeys.enrolments import selectors

# The collector adds what lets a page of another origin read the answer, and answers preflights.
_HEADERS = {"content-type": "application/json", "cache-control": "no-store"}
MOST_SLOTS = 50


async def decide(call: Call) -> Reply:
    """Answer {"slots": {name: content}}; of somebody unknown it is empty. 503 when it cannot be read within seconds."""
    anonymous_id = call.query.get("anonymousId", "")
    if not anonymous_id:
        return _json(400, {"code": "no_anonymous_id", "message": "anonymousId is missing"})
    wanted = [name for name in call.query.get("slots", "").split(",") if name][:MOST_SLOTS]
    try:
        slots = await call.read(partial(_slots, anonymous_id, wanted, call.now))
    except DatabaseAway:
        return _json(
            503, {"code": "away", "message": "The database is away."}, {"retry-after": "1"}
        )
    return _json(200, {"slots": slots})


def _slots(anonymous_id: str, wanted: list[str], now: Instant) -> dict[str, Any]:
    identifier = identifier_of("anonymous_id", anonymous_id)
    return selectors.slots(identifier.key, now, wanted) if identifier else {}


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, msgspec.json.encode(body), {**_HEADERS, **(headers or {})})


ROUTES = [Route(frozenset({"GET"}), "/v1/decisions", decide)]
