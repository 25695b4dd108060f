"""Writes by people and programs: templates, lists, what a person decides about a delivery. Each owns its transaction."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext

from activation.audiences.models import Audience
from activation.channels import registry
from activation.deliveries import claims, rendering, selectors
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.rendering import Parts
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit
from identity.touchpoints import naming


def save_template(name: str, channel: str, parts: Parts, *, actor: str, now: Instant) -> Template:
    """Store the next version of a template. Raises BadTemplate, NotFound (channel), DomainError (channel changed)."""
    registry.describe(channel)
    rendering.names(parts)  # whatever cannot be read is refused here, not at midnight
    with transaction.atomic():
        known = Template.objects.filter(name=name)
        if known.exclude(channel=channel).exists():
            raise DomainError(
                "other_channel",
                gettext("%(name)s is a template of another channel") % {"name": name},
            )
        known.update(archived_at=None)
        number = (known.aggregate(last=Max("version"))["last"] or 0) + 1
        row = Template.objects.create(
            name=name,
            version=number,
            channel=channel,
            subject=parts.subject,
            text=parts.text,
            html=parts.html,
            created_at=now,
            created_by=actor,
        )
        audit.record(actor, "template.save", f"activation.template:{row.pk}", {"name": name}, now)
    return row


def archive_template(name: str, *, actor: str, now: Instant) -> None:
    """Take a template out of the lists. Journeys in force go on with it; the next version brings it back. Raises NotFound."""
    with transaction.atomic():
        if not Template.objects.filter(name=name, archived_at=None).update(archived_at=now):
            raise NotFound(
                "unknown_template", gettext("there is no template %(name)s") % {"name": name}
            )
        audit.record(actor, "template.archive", "activation.template", {"name": name}, now)


def resolve(key: str, *, went: bool, actor: str, now: Instant) -> Delivery:
    """Settle a delivery of which nobody knew whether it went. Raises NotFound, DomainError when it is not unknown."""
    status = DeliveryStatus.SENT if went else DeliveryStatus.FAILED
    with transaction.atomic():
        row = selectors.delivery(key)
        changed = Delivery.objects.filter(pk=row.pk, status=DeliveryStatus.UNKNOWN).update(
            status=status, settled_at=now, reason="by hand"
        )
        if not changed:
            raise DomainError(
                "not_unknown",
                gettext("delivery %(key)s is %(status)s, not unknown")
                % {"key": key, "status": row.status},
            )
        if went:
            ledger.commit({row.ledger_key: ""})
        else:
            ledger.release({row.ledger_key: "by hand: it did not go"})
        _note(row, status, "by hand", actor, now)
    return selectors.delivery(key)


def cancel(key: str, *, actor: str, now: Instant) -> Delivery:
    """Take a delivery out of the queue and give the contact back. Raises NotFound, DomainError when it has left."""
    with transaction.atomic():
        row = selectors.delivery(key)
        waiting = [DeliveryStatus.QUEUED, DeliveryStatus.POSTPONED]
        changed = Delivery.objects.filter(pk=row.pk, status__in=waiting).update(
            status=DeliveryStatus.CANCELLED, settled_at=now, reason="by hand"
        )
        if not changed:
            raise DomainError(
                "has_left",
                gettext("delivery %(key)s is %(status)s, not queued")
                % {"key": key, "status": row.status},
            )
        ledger.release({row.ledger_key: "by hand"})
        _note(row, DeliveryStatus.CANCELLED, "by hand", actor, now)
    return selectors.delivery(key)


def create_list(
    channel: str, name: str, *, namespace: str, audience: str, actor: str, now: Instant
) -> PartnerList:
    """Make a list that a partner pulls; `audience`: its short name, "" for everybody. Raises NotFound, DomainError."""
    if not registry.describe(channel).pull:
        raise DomainError(
            "not_fetched",
            gettext("nothing is fetched from the channel %(channel)s") % {"channel": channel},
        )
    if not naming.is_readable(namespace):
        raise DomainError(
            "bad_namespace",
            gettext("%(namespace)s is no namespace that a partner can read")
            % {"namespace": namespace},
            status=400,
        )
    inside = Audience.objects.filter(slug=audience).first()
    if audience and inside is None:
        raise NotFound(
            "unknown_audience",
            gettext("there is no audience %(audience)s") % {"audience": audience},
        )
    try:
        with transaction.atomic():
            row = PartnerList.objects.create(
                channel=channel, name=name, namespace=namespace, audience=inside, created_at=now
            )
            target = f"activation.partnerlist:{row.pk}"
            audit.record(actor, "partnerlist.add", target, {"name": name}, now)
    except IntegrityError as error:
        raise DomainError(
            "list_exists",
            gettext("%(channel)s has a list %(name)s already")
            % {"channel": channel, "name": name},
        ) from error
    return row


def delete_list(id_: int, *, actor: str, now: Instant) -> None:
    """Delete a partner's list; the partner is answered that there is none. Raises NotFound."""
    with transaction.atomic():
        row = PartnerList.objects.filter(pk=id_).first()
        if row is None:
            raise NotFound("unknown_list", gettext("there is no list %(id)s") % {"id": id_})
        detail = {"channel": row.channel, "name": row.name}
        row.delete()
        audit.record(actor, "partnerlist.delete", f"activation.partnerlist:{id_}", detail, now)


def _note(row: Delivery, status: DeliveryStatus, reason: str, actor: str, now: Instant) -> None:
    claims.note([(row.pk, now, status.value, reason, actor)])
    detail: dict[str, Any] = {"status": status.value}
    audit.record(actor, "delivery.settle", f"activation.delivery:{row.pk}", detail, now)
