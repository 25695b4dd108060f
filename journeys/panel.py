"""What a profile's page shows about journeys. No queries of its own: it asks the selectors."""

from typing import Any

from journeys.enrolments import selectors
from journeys.enrolments.models import Enrolment

SHOWN = 20


def panel(profile: int) -> list[dict[str, Any]]:
    """Return the newest runs of a profile through journeys, each with its timeline: what the page needs, as plain values."""
    rows = selectors.of_profile(profile).order_by("-pk")[:SHOWN].prefetch_related("steps")
    return [_run(row) for row in rows]


def _run(row: Enrolment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "journey_id": row.journey_id,
        "journey": row.journey.name,
        "version": row.version.number,
        "key": row.key,
        "node": row.node,
        "state": row.get_state_display(),
        "reason": row.reason,
        "entered_at": row.entered_at,
        "wake_at": row.wake_at,
        "converted_at": row.converted_at,
        "steps": [
            {"at": step.at, "node": step.node, "port": step.port, "reason": step.reason}
            for step in row.steps.all()
        ],
    }
