"""Reads of journeys: what exists for validation, and how a draft stands."""

from typing import Any

import msgspec
from django.utils.translation import gettext

from activation.audiences.models import Audience, Kind
from activation.channels import registry
from activation.deliveries.models import Template
from identity.errors import NotFound
from journeys.definition import Definition, Invalid, Problem, parse
from journeys.nodes.kind import Known
from journeys.publishing.models import Journey, JourneyVersion
from journeys.validation import validate


def journey(id_: int) -> Journey:
    """Return a journey. Raises NotFound."""
    found = Journey.objects.select_related("version").filter(pk=id_).first()
    if found is None:
        raise NotFound("no_journey", gettext("there is no journey %(id)s") % {"id": id_})
    return found


def definition_of(version: JourneyVersion) -> Definition:
    """Return the definition that was published."""
    return parse(msgspec.json.decode(version.definition))


def known() -> Known:
    """Return what exists outside of journeys."""
    kinds = dict(Audience.objects.exclude(state="archived").values_list("pk", "kind"))
    return Known(
        audiences=frozenset(kinds),
        by_hand=frozenset(audience for audience, kind in kinds.items() if kind == Kind.MANUAL),
        templates=dict(Template.objects.filter(archived_at=None).values_list("pk", "channel")),
        channels=frozenset(registry.descriptions()),
    )


def problems(document: Any) -> list[Problem]:
    """Return everything that keeps a document from being published."""
    try:
        return validate(parse(document), known())
    except Invalid as invalid:
        return invalid.problems
