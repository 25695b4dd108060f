"""Keys of API clients: made, recognised, revoked."""

import hashlib
import re
import secrets
from collections.abc import Collection

from django.db.models import Q

from dmp_site.models import ApiKey
from identity.access import Caller
from identity.clock import MINUTE, Instant
from identity.errors import DomainError, NotFound

_SCOPE = re.compile(r"^(\*|(\*|[a-z]+):(read|write|[a-z]+))$")


def create(
    name: str, scopes: Collection[str], now: Instant, *, channel: str = ""
) -> tuple[ApiKey, str]:
    """Make a key; return its row and the clear key, which is not stored. Raises DomainError for a malformed scope."""
    key = ApiKey(name=name, scopes=sorted(scopes), channel=channel)
    clear = seal(key, now)
    key.save()
    return key, clear


def seal(key: ApiKey, now: Instant) -> str:
    """Give a row that is not saved yet its secret; return the clear key. Raises DomainError for a malformed scope."""
    bad = sorted(scope for scope in key.scopes if not _SCOPE.match(scope))
    if bad or not key.scopes:
        raise DomainError(
            "bad_scope",
            f"scopes read like profiles:read or *:read, not {', '.join(bad) or 'nothing'}",
            status=400,
        )
    key.prefix = f"frk_{secrets.token_hex(4)}"
    clear = f"{key.prefix}_{secrets.token_urlsafe(32)}"
    key.digest = _digest(clear)
    key.created_at = now
    return clear


def recognise(clear: str, now: Instant) -> Caller | None:
    """Return whose key this is, None for an unknown or revoked one. Notes the use, at most once a minute."""
    key = ApiKey.objects.filter(digest=_digest(clear), revoked_at=None).first()
    if key is None:
        return None
    stale = Q(used_at=None) | Q(used_at__lt=now - MINUTE)
    if key.used_at is None or ApiKey.objects.filter(stale, pk=key.pk).exists():
        ApiKey.objects.filter(stale, pk=key.pk).update(used_at=now)
    return Caller(f"key:{key.prefix}", frozenset(key.scopes), key.channel)


def revoke(prefix: str, now: Instant) -> None:
    """End a key at once. Raises NotFound; a revoked key stays as it is."""
    if not ApiKey.objects.filter(prefix=prefix).exists():
        raise NotFound("unknown_key", f"there is no API key {prefix}")
    ApiKey.objects.filter(prefix=prefix, revoked_at=None).update(revoked_at=now)


def _digest(clear: str) -> str:
    return hashlib.sha256(clear.encode("utf-8", "surrogateescape")).hexdigest()
