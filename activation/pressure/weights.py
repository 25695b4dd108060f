"""What people decide beside policies: weights of channels, message classes, quiet hours. The lane reads these rows at its next batch.

What was reserved keeps its points and flags. API and console call these services; each writes its entry in the audit log.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext

from activation.pressure.models import ChannelWeight, MessageClass, QuietHours
from activation.pressure.types import DEFAULT_CLASSES, DEFAULT_WEIGHTS
from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit

_Row = TypeVar("_Row", bound=Model)


def seed() -> None:
    """Write the weights and classes that hold by default, so that people see and change them; what is there stays."""
    ChannelWeight.objects.bulk_create(
        [ChannelWeight(channel=name, weight=weight) for name, weight in DEFAULT_WEIGHTS.items()],
        ignore_conflicts=True,
    )
    MessageClass.objects.bulk_create(
        [MessageClass(**asdict(one)) for one in DEFAULT_CLASSES.values()], ignore_conflicts=True
    )


def set_weights(
    weights: Mapping[str, int], *, actor: str, now: Instant
) -> dict[str, ChannelWeight]:
    """Set what contacts over these channels weigh, in hundredths. Raises DomainError for a weight that cannot be."""
    with transaction.atomic():
        rows = {channel: _weigh(channel, weight) for channel, weight in weights.items()}
        audit.record(actor, "pressure.weights", "activation.channelweight", dict(weights), now)
    return rows


def remove_weight(channel: str, *, actor: str, now: Instant) -> None:
    """Let a channel weigh what it does by default. Raises NotFound."""
    with transaction.atomic():
        if not ChannelWeight.objects.filter(channel=channel).delete()[0]:
            said = gettext("channel %(channel)s has no weight of its own") % {"channel": channel}
            raise NotFound("no_weight", said)
        detail = {"channel": channel}
        audit.record(actor, "pressure.weights.remove", "activation.channelweight", detail, now)


def set_class(
    name: str,
    *,
    weight: int,
    obeys_caps: bool,
    counts_toward_caps: bool,
    actor: str,
    now: Instant,
) -> MessageClass:
    """Describe a message class. Raises DomainError for a name or weight that cannot be."""
    flags = {
        "weight": weight,
        "obeys_caps": obeys_caps,
        "counts_toward_caps": counts_toward_caps,
    }
    with transaction.atomic():
        row = MessageClass.objects.select_for_update().filter(name=name).first()
        row = _filled(row or MessageClass(name=name), flags, "bad_class")
        audit.record(actor, "pressure.class", f"activation.messageclass:{row.pk}", flags, now)
    return row


def remove_class(name: str, *, actor: str, now: Instant) -> None:
    """Forget what was said about a message class: it obeys every cap and counts. Raises NotFound."""
    with transaction.atomic():
        row = MessageClass.objects.filter(name=name).first()
        if row is None:
            said = gettext("there is no message class %(name)s") % {"name": name}
            raise NotFound("no_class", said)
        target = f"activation.messageclass:{row.pk}"
        row.delete()
        audit.record(actor, "pressure.class.remove", target, {"name": name}, now)


def add_quiet_hours(hours: Mapping[str, Any], *, actor: str, now: Instant) -> QuietHours:
    """Add quiet hours: name, start and end (local times), channels, enabled. Raises DomainError for hours that end when they start."""
    with transaction.atomic():
        row = _filled(QuietHours(), hours, "bad_hours")
        audit.record(actor, "quiethours.add", f"activation.quiethours:{row.pk}", {}, now)
    return row


def change_quiet_hours(
    id_: int, hours: Mapping[str, Any], *, actor: str, now: Instant
) -> QuietHours:
    """Change quiet hours, or switch them on or off. Raises NotFound, and DomainError as adding does."""
    with transaction.atomic():
        row = QuietHours.objects.select_for_update().filter(pk=id_).first()
        if row is None:
            raise _no_hours(id_)
        detail = {"fields": sorted(name for name in hours if getattr(row, name) != hours[name])}
        row = _filled(row, hours, "bad_hours")
        audit.record(actor, "quiethours.change", f"activation.quiethours:{id_}", detail, now)
    return row


def remove_quiet_hours(id_: int, *, actor: str, now: Instant) -> None:
    """Delete quiet hours. Raises NotFound."""
    with transaction.atomic():
        if not QuietHours.objects.filter(pk=id_).delete()[0]:
            raise _no_hours(id_)
        audit.record(actor, "quiethours.remove", f"activation.quiethours:{id_}", {}, now)


def _no_hours(id_: int) -> NotFound:
    return NotFound("no_hours", gettext("there are no quiet hours %(id)s") % {"id": id_})


def _weigh(channel: str, weight: int) -> ChannelWeight:
    row = ChannelWeight.objects.select_for_update().filter(channel=channel).first()
    return _filled(row or ChannelWeight(channel=channel), {"weight": weight}, "bad_weight")


def _filled(row: _Row, values: Mapping[str, Any], code: str) -> _Row:
    """Give a row these values and save it. Raises DomainError with this code when the model refuses them."""
    for name, value in values.items():
        setattr(row, name, value)
    try:
        row.full_clean()
    except ValidationError as error:
        raise DomainError(code, " ".join(error.messages), status=422) from None
    row.save()
    return row
