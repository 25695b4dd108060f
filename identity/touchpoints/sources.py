"""Sources and their write keys: made and revoked here, by the admin, the API and `createkey`."""

import hashlib
import secrets
import uuid

from django.db import transaction

from identity import clock
from identity.clock import Instant
from identity.errors import NotFound
from identity.touchpoints.decode import INTERNAL
from identity.touchpoints.models import Source, WriteKey

_PREFIX = "wk_"
_SHOWN = 8  # characters of a key that its list shows


def digest(write_key: str) -> str:
    """Return what is stored of a key. It has 192 random bits, so that a plain hash tells nothing."""
    return hashlib.sha256(write_key.encode()).hexdigest()


def create(name: str, kind: str, now: Instant, *, region: str = "") -> Source:
    """Make a source. `kind`: site, app, server, crm, ads; `region` completes phone numbers (ISO 3166)."""
    row = seal(Source(name=name, kind=kind, region=region.upper()), now)
    row.save()
    return row


def seal(source: Source, now: Instant) -> Source:
    """Give a source that is not stored yet the uuid that its touchpoints' ids are made of."""
    source.uuid = uuid.uuid4()
    source.created_at = clock.to_datetime(now)
    return source


def ensure(name: str, kind: str, now: Instant) -> Source:
    """Return the source of that name, made unless it exists."""
    with transaction.atomic():
        found = Source.objects.filter(name=name).order_by("pk").first()
        return found or create(name, kind, now)


def internal(now: Instant) -> Source:
    """Return the product's own source: opens, clicks, unsubscribes, receipts. Made unless it exists."""
    with transaction.atomic():
        found = Source.objects.filter(kind=INTERNAL).order_by("pk").first()
        return found or create("Filrouge", INTERNAL, now)


def create_key(source: int, now: Instant) -> tuple[WriteKey, str]:
    """Make a write key; return its row and the key itself, which nobody can show again."""
    clear = _PREFIX + secrets.token_hex(24)
    with transaction.atomic():
        row = WriteKey.objects.create(
            source_id=source, prefix=clear[:_SHOWN], digest=digest(clear), created_at=now
        )
    return row, clear


def revoke_key(key: int, now: Instant) -> None:
    """Let a write key write no longer; collectors know within two seconds. Raises NotFound."""
    if not WriteKey.objects.filter(pk=key, revoked_at=None).update(revoked_at=now):
        raise NotFound("no_such_key", f"no write key in use has the number {key}")
