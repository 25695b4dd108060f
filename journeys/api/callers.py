"""Who asks, and what they may."""

from typing import Any

from rest_framework.request import Request

from identity import clock
from identity.access import caller

READ, WRITE = "journeys:read", "journeys:write"
URGENT = "pressure:urgent"  # publish sends that go past caps and quiet hours


def who(request: Request) -> dict[str, Any]:
    return {"actor": caller(request).actor, "now": clock.now()}
