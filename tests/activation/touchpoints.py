"""Touchpoints as they leave stage 1, for tests of the stages behind it."""

import uuid
from typing import Any

from identity.clock import Instant
from identity.profiles.types import Arrival
from identity.touchpoints.types import Identifier, Mode, Touchpoint

_SPACE = uuid.UUID(int=7)


def touchpoint(number: int, event: str, at: Instant, **rest: Any) -> Touchpoint:
    owner = Identifier("user_id", "x")
    known: dict[str, Any] = {
        "source": 1,
        "mode": Mode.LIVE,
        "type": "track",
        "received_at": at,
        "identifiers": (owner,),
        "owner": owner,
    }
    return Touchpoint(
        number=number,
        id=str(uuid.uuid5(_SPACE, str(number))),
        event=event,
        at=at,
        **{**known, **rest},
    )


def arrival(
    number: int, event: str, at: Instant, *, owner: int, profile: int, **rest: Any
) -> Arrival:
    return Arrival(touchpoint(number, event, at, **rest), owner, profile)
