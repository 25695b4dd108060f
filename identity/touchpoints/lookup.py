"""From a clear value that somebody names to the identifier under which it would be stored."""

from django.conf import settings

from identity.graph import policy
from identity.privacy.keys import keys_at
from identity.touchpoints.types import Identifier


def identifier_of(namespace: str, clear: str, *, region: str = "") -> Identifier | None:
    """Return the identifier; None when the value is none (blocked, too long, of an unknown namespace)."""
    try:
        key = keys_at(settings.KEYS_FILE).identifier
        return policy.normalise(namespace, clear, region=region, key=key)
    except policy.Refused:
        return None
