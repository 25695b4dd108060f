"""Sources and their write keys: made, changed and revoked here, by the admin, the API and commands alike. Each change is audited."""

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from identity import clock
from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.graph.normalising import REGIONS
from identity.privacy import audit
from identity.touchpoints.decode import INTERNAL, MODEL
from identity.touchpoints.installation import SETUP
from identity.touchpoints.models import Forgetting, Source, WriteKey

KINDS: Mapping[str, str | Promise] = {
    "site": gettext_lazy("site"),
    "app": gettext_lazy("app"),
    "server": gettext_lazy("server"),
    "crm": gettext_lazy("CRM"),
    "ads": gettext_lazy("advertising"),
}
_PREFIX = "wk_"
_SHOWN = 8  # characters of a key that its list shows
_LONGEST_NAME = 200
_HOUSEHOLD = "group_is_household"


def digest(write_key: str) -> str:
    """Return what is stored of a key. It has 192 random bits, so that a plain hash tells nothing."""
    return hashlib.sha256(write_key.encode()).hexdigest()


def create(
    name: str,
    kind: str,
    now: Instant,
    *,
    actor: str,
    region: str = "",
    group_is_household: bool = False,
    enabled: bool = True,
) -> Source:
    """Make a source. `kind`: one of KINDS; `region` completes phone numbers (ISO 3166). Raises DomainError."""
    row = Source(uuid=uuid.uuid4(), created_at=clock.to_datetime(now))
    values = {
        "name": name,
        "kind": kind,
        "region": region,
        _HOUSEHOLD: group_is_household,
        "enabled": enabled,
    }
    _fill(row, values)
    return _added(row, actor, now)


def change(source: int, values: Mapping[str, Any], now: Instant, *, actor: str) -> Source:
    """Change name, kind, region, enabled or group_is_household; what is not named stays. Raises NotFound, DomainError."""
    with transaction.atomic():
        row = Source.objects.select_for_update().filter(pk=source).first()
        if row is None:
            raise NotFound("no_source", _("There is no source %(id)s.") % {"id": source})
        if row.kind == INTERNAL:
            raise DomainError("own_source", _("The product's own source stays as it is."))
        if row.kind == MODEL:
            said = _("A source of guesses stays as it is; to take its links back, forget it.")
            raise DomainError("model_source", said)
        if values.get("enabled") and Forgetting.objects.filter(source=row).exists():
            said = _(
                "This source is forgotten, and nothing that it sends would be evidence: make a new one."
            )
            raise DomainError("forgotten", said)
        _fill(row, values)
        row.save()
        _audit(row, "change", {"fields": sorted(values)}, actor, now)
    return row


def ensure(name: str, kind: str, now: Instant, *, actor: str) -> Source:
    """Return the source of that name that others may write to, made unless it exists. Raises DomainError."""
    with transaction.atomic():
        found = Source.objects.filter(name=name).order_by("pk").first()
        if found is None:
            return create(name, kind, now, actor=actor)
        _open_to_others(found)
        return found


def model(name: str, now: Instant, *, actor: str) -> Source:
    """Return the source of that name for a model's guesses, made unless it exists. Raises DomainError.

    It is made here alone: no key writes to it, so that nobody outside can say how sure a link is.
    """
    with transaction.atomic():
        found = Source.objects.filter(name=name).order_by("pk").first()
        if found is None:
            row = Source(uuid=uuid.uuid4(), created_at=clock.to_datetime(now), kind=MODEL)
            _fill(row, {"name": name})
            return _added(row, actor, now)
        if found.kind != MODEL or Forgetting.objects.filter(source=found).exists():
            said = _(
                "%(name)s is a source of another kind, or a forgotten one: guesses need one of their own."
            )
            raise DomainError("no_model_source", said % {"name": name})
        return found


def internal(now: Instant) -> Source:
    """Return the product's own source: opens, clicks, unsubscribes, receipts. Made unless it exists."""
    with transaction.atomic():
        found = Source.objects.filter(kind=INTERNAL).order_by("pk").first()
        if found is not None:
            return found
        created = clock.to_datetime(now)
        row = Source(uuid=uuid.uuid4(), created_at=created, name="Filrouge", kind=INTERNAL)
        return _added(row, SETUP, now)


def create_key(source: int, now: Instant, *, actor: str) -> tuple[WriteKey, str]:
    """Make a write key; return its row and the key itself, which nobody can show again. Raises NotFound, DomainError."""
    clear = _PREFIX + secrets.token_hex(24)
    with transaction.atomic():
        found = Source.objects.filter(pk=source).first()
        if found is None:
            raise NotFound("no_source", _("There is no source %(id)s.") % {"id": source})
        _open_to_others(found)
        row = WriteKey.objects.create(
            source_id=source,
            prefix=clear[:_SHOWN],
            digest=digest(clear),
            created_at=now,
        )
        detail = {"source": source}
        audit.record(actor, "writekey.add", f"identity.writekey:{row.pk}", detail, now)
    return row, clear


def revoke_key(key: int, now: Instant, *, actor: str) -> None:
    """Let a write key write no longer; collectors know within two seconds. Raises NotFound."""
    with transaction.atomic():
        if not WriteKey.objects.filter(pk=key, revoked_at=None).update(revoked_at=now):
            raise NotFound(
                "no_such_key", _("No write key in use has the number %(key)s.") % {"key": key}
            )
        audit.record(actor, "writekey.revoke", f"identity.writekey:{key}", {}, now)


def _open_to_others(row: Source) -> None:
    """Check that not the product alone may write to a source: it is believed more than anybody else. Raises DomainError."""
    if row.kind == INTERNAL:
        said = _(
            "%(name)s is the product's own source: what it sends is believed about everybody, so that nobody else may write to it. "
            "Take another source."
        )
        raise DomainError("own_source", said % {"name": row.name})
    if row.kind == MODEL:
        said = _(
            "%(name)s is a source of guesses: nobody but a model's command may send them. Take another source."
        )
        raise DomainError("model_source", said % {"name": row.name})


def _added(row: Source, actor: str, now: Instant) -> Source:
    with transaction.atomic():
        row.save(force_insert=True)
        _audit(row, "add", {"kind": row.kind}, actor, now)
    return row


def _fill(row: Source, values: Mapping[str, Any]) -> None:
    """Set what is named, checked. Raises DomainError."""
    if "name" in values:
        row.name = _name(str(values["name"]))
    if "kind" in values:
        row.kind = _kind(str(values["kind"]))
    if "region" in values:
        row.region = _region(str(values["region"]))
    if "enabled" in values:
        row.enabled = bool(values["enabled"])
    if _HOUSEHOLD in values:
        row.settings = {**row.settings, _HOUSEHOLD: bool(values[_HOUSEHOLD])}


def _name(name: str) -> str:
    found = name.strip()
    if not 1 <= len(found) <= _LONGEST_NAME or "\x00" in found:
        raise DomainError("bad_name", _("A source has a name of 1 to 200 characters."), status=422)
    return found


def _kind(kind: str) -> str:
    if kind not in KINDS:
        said = _("A source is one of %(kinds)s.") % {"kinds": ", ".join(KINDS)}
        raise DomainError("bad_kind", said, status=422)
    return kind


def _region(region: str) -> str:
    found = region.strip().upper()
    if found and found not in REGIONS:
        said = _("A region is a country code of two letters, such as FR.")
        raise DomainError("bad_region", said, status=422)
    return found


def _audit(row: Source, verb: str, detail: dict[str, Any], actor: str, now: Instant) -> None:
    audit.record(actor, f"source.{verb}", f"identity.source:{row.pk}", detail, now)
