"""The policy in force: the newest stored one that was applied; before any is stored, the default."""

from functools import lru_cache

import msgspec

from identity.graph import documents
from identity.graph.policy import DEFAULT, Policy
from identity.sql import fetch


def current() -> Policy:
    """Return the policy in force. One statement; a document is read once per process."""
    rows = fetch(
        "SELECT version, document FROM identity_identitypolicy WHERE applied_at IS NOT NULL"
        " ORDER BY version DESC LIMIT 1"
    )
    return _read(*rows[0]) if rows else DEFAULT


def applied(version: int) -> Policy:
    """Return a version that was in force, as `current` did. Raises LookupError."""
    rows = fetch(
        "SELECT version, document FROM identity_identitypolicy"
        " WHERE version = %s AND applied_at IS NOT NULL",
        [version],
    )
    if not rows and version != DEFAULT.version:
        raise LookupError(f"version {version} of the identity policy is not stored")
    return _read(*rows[0]) if rows else DEFAULT


@lru_cache(maxsize=8)
def _read(version: int, document: str) -> Policy:
    return documents.read(msgspec.json.decode(document), version=version)
