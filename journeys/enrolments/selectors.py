"""Reads of people in journeys."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import Count, F, Q, QuerySet

from identity.clock import Instant
from identity.profiles.selectors import find
from identity.sql import fetch
from journeys.enrolments.models import Enrolment, State, Step
from journeys.publishing.models import State as JourneyState

_SHOWN = (JourneyState.LIVE.value, JourneyState.PAUSED.value, JourneyState.DRAINING.value)


def slots(identifier: str, now: Instant, wanted: Collection[str] = ()) -> dict[str, Any]:
    """Return what to show to the person of an identifier ("namespace:value"): slot -> content.

    Of several journeys the one of the highest priority decides, then the latest decision. Journeys that were stopped show nothing.
    """
    rows = fetch(
        "SELECT s.slot, s.content FROM identity_identifier AS i"
        " JOIN identity_identifier AS o ON o.profile_id = i.profile_id"
        " JOIN journeys_slot AS s ON s.owner_id = o.id"
        " JOIN journeys_journey AS j ON j.id = s.journey_id"
        ' WHERE i."key" = %s AND (s.until IS NULL OR s.until > %s) AND j.state IN (%s, %s, %s)'
        " ORDER BY s.priority, s.decided_at, s.id",
        [identifier, now, *_SHOWN],
    )
    # The last one of each slot wins.
    return {
        slot: msgspec.Raw(content.encode())
        for slot, content in rows
        if not wanted or slot in wanted
    }


def people_per_node(journey: int) -> list[dict[str, Any]]:
    """Count who is inside, by version number and node; what a migration map is written from."""
    rows = (
        Enrolment.objects.filter(~Q(state=State.DONE), version__journey=journey)
        .values("node", number=F("version__number"))
        .annotate(people=Count("pk"), suspended=Count("pk", filter=Q(state=State.SUSPENDED)))
        .order_by("number", "node")
    )
    return [dict(row) for row in rows]


def of_profile(profile: int) -> QuerySet[Enrolment]:
    """Return the runs of a profile through all of its identifiers."""
    return Enrolment.objects.filter(owner__profile=profile).select_related("journey", "version")


def steps_of_profile(profile: int) -> QuerySet[Step]:
    """Return what happened to a profile in journeys."""
    rows = Step.objects.filter(enrolment__owner__profile=profile)
    return rows.select_related("enrolment__journey")


def of_person(uid: UUID) -> QuerySet[Enrolment]:
    """Return the runs of the profile that this public id leads to. Raises NotFound."""
    return of_profile(find(uid).profile.pk)


def timeline(enrolment: int) -> QuerySet[Step]:
    return Step.objects.filter(enrolment__pk=enrolment)  # bare, 2**63 is an error
