"""Keys of API clients: made, recognised, revoked."""

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from dmp_site.models import ApiKey
from identity.access import Caller
from identity.clock import MINUTE, Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit

_SCOPE = re.compile(r"^(\*|(\*|[a-z]+):(read|write|[a-z]+))$")


def create(
    name: str, scopes: Collection[str], now: Instant, *, actor: str, channel: str = ""
) -> tuple[ApiKey, str]:
    """Make a key; return its row and the clear key, which is not stored. Raises DomainError for a malformed scope."""
    _check(scopes)
    prefix = f"frk_{secrets.token_hex(4)}"
    clear = f"{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey(
        name=name,
        scopes=sorted(scopes),
        channel=channel,
        prefix=prefix,
        digest=_digest(clear),
        created_at=now,
    )
    with transaction.atomic():
        key.save(force_insert=True)
        _audit(key, "add", {"scopes": key.scopes, "channel": channel}, actor, now)
    return key, clear


def _check(scopes: Collection[str]) -> None:
    bad = sorted(scope for scope in scopes if not _SCOPE.match(scope))
    if bad or not scopes:
        said = _("Scopes read like profiles:read or *:read, not %(scopes)s.")
        named = ", ".join(bad) or _("nothing")
        raise DomainError("bad_scope", said % {"scopes": named}, status=400)


def recognise(clear: str, now: Instant) -> Caller | None:
    """Return whose key this is, None for an unknown or revoked one. Notes the use, at most once a minute."""
    key = ApiKey.objects.filter(digest=_digest(clear), revoked_at=None).first()
    if key is None:
        return None
    stale = Q(used_at=None) | Q(used_at__lt=now - MINUTE)
    if key.used_at is None or ApiKey.objects.filter(stale, pk=key.pk).exists():
        ApiKey.objects.filter(stale, pk=key.pk).update(used_at=now)
    return Caller(f"key:{key.prefix}", frozenset(key.scopes), key.channel)


def revoke(prefix: str, now: Instant, *, actor: str) -> None:
    """End a key at once. Raises NotFound; a revoked key stays as it is."""
    with transaction.atomic():
        key = ApiKey.objects.filter(prefix=prefix).first()
        if key is None:
            said = _("There is no API key %(prefix)s.") % {"prefix": prefix}
            raise NotFound("unknown_key", said)
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            _audit(key, "revoke", {}, actor, now)


def _digest(clear: str) -> str:
    return hashlib.sha256(clear.encode("utf-8", "surrogateescape")).hexdigest()


def _audit(key: ApiKey, verb: str, detail: Mapping[str, Any], actor: str, now: Instant) -> None:
    audit.record(actor, f"apikey.{verb}", f"dmp_site.apikey:{key.pk}", detail, now)
