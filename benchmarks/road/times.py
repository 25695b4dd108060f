"""The clock of the road: it stands while a batch is processed."""

from identity.clock import Instant

BATCH = 500  # touchpoints, as the lane takes them
START: Instant = 1_790_000_000_000  # 2026-09-21
_PACE = 50  # milliseconds between two touchpoints, so that waits end on the road


def moment(number: int) -> Instant:
    """Return when a batch is received, which is also when it is processed; the first has number 1."""
    return START + number * BATCH * _PACE
