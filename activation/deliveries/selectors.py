"""Reads of deliveries and templates."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext

from activation.deliveries import markup, rendering
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.rendering import Parts
from activation.deliveries.types import DeliveryStatus
from identity.errors import DomainError, NotFound

SAMPLE: Mapping[str, Any] = {
    "traits": {},
    "person": {"first_name": "Alice", "last_name": "Martin", "name": "Alice Martin"},
    "event": {},
    "unsubscribe_url": "#unsubscribe",
}


def delivery(key: str) -> Delivery:
    """Return one delivery. Raises NotFound."""
    found = Delivery.objects.select_related("owner", "template").filter(key=key).first()
    if found is None:
        raise NotFound("unknown_delivery", gettext("there is no delivery %(key)s") % {"key": key})
    return found


def timeline(row: Delivery) -> list[dict[str, Any]]:
    """Return what happened to a delivery, in order: when it was queued, handed over and settled, tries, reactions."""
    told = [(row.created_at, "queued", "", "")]
    if row.handed_at:
        told.append((row.handed_at, "handing_over", "", "sender"))
    if row.settled_at:
        told.append((row.settled_at, row.status, row.reason, ""))
    told += [(one.at, one.status, one.reason, one.actor) for one in row.steps.all()]
    told += [(one.at, one.kind, one.open_kind or one.url, "") for one in row.reactions.all()]
    return [
        {"at": at, "what": what, "detail": detail, "by": by}
        for at, what, detail, by in sorted(told, key=lambda line: line[0])
    ]


def deliveries(filters: Mapping[str, str]) -> QuerySet[Delivery]:
    """Return deliveries by channel, status, journey or profile; other names are ignored."""
    rows = Delivery.objects.select_related("template")
    columns = {"journey": "journey", "profile": "owner__profile__uid"}
    chosen: dict[str, Any] = {
        name: filters[name] for name in ("channel", "status") if filters.get(name)
    }
    readers: tuple[tuple[str, Callable[[str], Any]], ...] = (("journey", int), ("profile", UUID))
    for name, read in readers:
        if text := filters.get(name):
            chosen[columns[name]] = _value(name, text, read)
    return rows.filter(**chosen)


def templates() -> QuerySet[Template]:
    """Return the newest version of each template that is not archived."""
    newest = (
        Template.objects.filter(name=OuterRef("name"))
        .values("name")
        .annotate(newest=Max("version"))
        .values("newest")
    )
    return Template.objects.filter(version=Subquery(newest), archived_at=None)


def template(name: str) -> Template:
    """Return the newest version of a template that is not archived. Raises NotFound."""
    found = Template.objects.filter(name=name, archived_at=None).order_by("-version").first()
    if found is None:
        raise NotFound(
            "unknown_template", gettext("there is no template %(name)s") % {"name": name}
        )
    return found


def preview(parts: Parts, values: Mapping[str, Any]) -> Parts:
    """Render with sample values; a name without one shows itself in brackets. Raises BadTemplate."""
    filled: dict[str, Any] = {**SAMPLE, **values}
    for name in sorted(rendering.names(parts)):
        filled = _with(filled, name.split("."), f"[{name}]")
    try:
        return rendering.render(parts, filled)
    except markup.MissingValue as error:
        raise markup.BadTemplate(
            "no_sample", gettext("give a sample value for %(name)s") % {"name": error.name}
        ) from error


def partner_list(channel: str, name: str) -> PartnerList:
    """Return a list that a partner pulls. Raises NotFound."""
    found = PartnerList.objects.filter(channel=channel, name=name).first()
    if found is None:
        raise NotFound(
            "unknown_list",
            gettext("the channel %(channel)s has no list %(name)s")
            % {"channel": channel, "name": name},
        )
    return found


def of_profile(profile_id: int) -> QuerySet[Delivery]:
    """Return the deliveries to a profile, newest first, with reactions."""
    rows = Delivery.objects.filter(owner__profile=profile_id).select_related("template")
    return rows.prefetch_related("reactions").order_by("-id")


def unknown_count() -> int:
    """Return how many deliveries wait for a receipt or a person."""
    return Delivery.objects.filter(status=DeliveryStatus.UNKNOWN).count()


def _value(name: str, text: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise DomainError(
            "bad_filter",
            gettext("%(name)s cannot be %(text)r") % {"name": name, "text": text[:40]},
            status=400,
        ) from error


def _with(values: dict[str, Any], path: list[str], shown: str) -> dict[str, Any]:
    """Put a value where there is none; one that is there stays."""
    name, *rest = path
    inner = values.get(name)
    if not rest:
        return values if inner is not None else {**values, name: shown}
    if inner is not None and not isinstance(inner, dict):
        return values
    return {**values, name: _with(inner or {}, rest, shown)}
