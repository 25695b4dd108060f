"""Who asks, and what they may."""

from typing import Any

from rest_framework.request import Request

from identity import clock
from identity.access import caller

READ, WRITE = "audiences:read", "audiences:write"


def who(request: Request) -> dict[str, Any]:
    return {"actor": caller(request).actor, "now": clock.now()}
