"""Who asks, and what they may."""

from typing import Any

from django.utils.translation import gettext
from rest_framework.request import Request

from identity import clock
from identity.access import caller
from identity.errors import DomainError

READ, WRITE = "deliveries:read", "deliveries:write"
TEMPLATES_READ, TEMPLATES_WRITE = "templates:read", "templates:write"


def who(request: Request) -> dict[str, Any]:
    return {"actor": caller(request).actor, "now": clock.now()}


def own_channel(request: Request, channel: str) -> str:
    """Let a key of one channel reach that channel alone."""
    own = caller(request).channel
    if own and own != channel:
        raise DomainError(
            "other_channel",
            gettext("this key belongs to the channel %(own)s") % {"own": own},
            status=403,
        )
    return channel
