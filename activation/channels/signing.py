"""Signatures of outgoing webhooks, as the Standard Webhooks specification has them. No Django.

HMAC-SHA256 over "id.timestamp.body"; a header may carry several signatures while a secret is being replaced.
Source: https://www.standardwebhooks.com (specification 1.0).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from identity.clock import SECOND, Instant

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64  # bytes of a secret


def secret_of(key: bytes, label: str) -> str:
    """Derive a secret in its written form from an installation key: nothing to store, nothing to lose."""
    return (
        _PREFIX + base64.b64encode(hmac.new(key, label.encode(), hashlib.sha256).digest()).decode()
    )


def read(secret: str) -> bytes:
    """Return the bytes of a written secret. Raises ValueError for one that is malformed, too short or too long."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a webhook secret is whsec_ and base64") from error
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"a webhook secret has {_SHORTEST} to {_LONGEST} bytes")
    return key


def sign(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """Return "v1,<base64>"; `timestamp` in seconds."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return (
        "v1," + base64.b64encode(hmac.new(read(secret), signed, hashlib.sha256).digest()).decode()
    )


def headers(
    secrets: Sequence[str], identifier: str, body: bytes, now: Instant
) -> Mapping[str, str]:
    """Return the three headers; each secret signs."""
    timestamp = now // SECOND
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            sign(secret, identifier, timestamp, body) for secret in secrets
        ),
    }
