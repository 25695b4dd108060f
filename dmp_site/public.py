"""What the collector's public port offers beside collection: routes of every floor, and nothing of the console."""

from collections.abc import Sequence

from activation.deliveries import public as deliveries
from identity.touchpoints.public import Route
from journeys.enrolments import public as slots


def routes() -> Sequence[Route]:
    """Return tracked links, pixels and unsubscribe (activation), decisions (journeys)."""
    return [*deliveries.ROUTES, *slots.ROUTES]
