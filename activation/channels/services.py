"""Writes to channels that are not built in; each owns its transaction."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext

from activation.channels import hosts
from activation.channels.models import ChannelConfig, Kind
from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit
from identity.privacy.types import ADDRESS

_FIELDS = ("enabled", "addressed_by", "url", "ack_within")


def create(
    name: str, kind: str, values: Mapping[str, Any], *, actor: str, now: Instant
) -> ChannelConfig:
    """Add a channel. Raises DomainError for a name that is taken or an address that cannot be called."""
    if name in settings.CHANNELS or ChannelConfig.objects.filter(name=name).exists():
        raise DomainError(
            "channel_exists", gettext("there is a channel %(name)s already") % {"name": name}
        )
    row = ChannelConfig(name=name, kind=kind, created_at=now)
    _fill(row, values)
    with transaction.atomic():
        row.save()
        audit.record(
            actor, "channel.add", f"activation.channelconfig:{row.pk}", {"name": name}, now
        )
    return row


def change(name: str, values: Mapping[str, Any], *, actor: str, now: Instant) -> ChannelConfig:
    """Change a channel; switching it on again forgets its trouble. Raises NotFound, DomainError."""
    with transaction.atomic():
        row = _row(name)
        _fill(row, values)
        if row.enabled:
            row.trouble = ""
        row.save()
        detail = {"fields": sorted(values)}
        audit.record(actor, "channel.change", f"activation.channelconfig:{row.pk}", detail, now)
    return row


def rotate_secret(name: str, *, actor: str, now: Instant) -> ChannelConfig:
    """Give a webhook its next secret; the previous one signs along until `finish_rotation`. Raises NotFound."""
    with transaction.atomic():
        row = _row(name)
        row.secret_number += 1
        row.rotating = True
        row.save()
        audit.record(actor, "channel.rotate", f"activation.channelconfig:{row.pk}", {}, now)
    return row


def finish_rotation(name: str, *, actor: str, now: Instant) -> ChannelConfig:
    """Let the previous secret sign no longer. Raises NotFound."""
    with transaction.atomic():
        row = _row(name)
        row.rotating = False
        row.save()
        audit.record(actor, "channel.rotated", f"activation.channelconfig:{row.pk}", {}, now)
    return row


def _row(name: str) -> ChannelConfig:
    found = ChannelConfig.objects.filter(name=name).first()
    if found is None:
        raise NotFound(
            "unknown_channel", gettext("no channel %(name)s can be changed here") % {"name": name}
        )
    return found


def _fill(row: ChannelConfig, values: Mapping[str, Any]) -> None:
    for field in _FIELDS:
        if field in values:
            setattr(row, field, values[field])
    try:
        if row.kind == Kind.WEBHOOK:
            hosts.split(row.url)
        row.clean_fields()
        if row.addressed_by and row.addressed_by not in ADDRESS:
            known = ", ".join(ADDRESS)
            raise DomainError(
                "bad_channel",
                gettext("addressed_by is one of %(known)s, or empty") % {"known": known},
                status=400,
            )
    except hosts.Forbidden as error:
        raise DomainError("bad_address", str(error), status=400) from error
    except ValidationError as error:
        raise DomainError("bad_channel", "; ".join(error.messages), status=400) from error
