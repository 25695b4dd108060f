"""The list of tables: the models of this floor's rooms."""

from journeys.enrolments.models import Enrolment, Sighting, Slot, Step
from journeys.publishing.models import Journey, JourneyVersion, Relocation

__all__ = [
    "Enrolment",
    "Journey",
    "JourneyVersion",
    "Relocation",
    "Sighting",
    "Slot",
    "Step",
]
