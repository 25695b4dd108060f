"""The one place that reads a clock.

Only edges call it (commands, HTTP handlers, the lane's loop, admin pages); everything below takes `now` as an argument, so
that a batch can be replayed with the time it had. Instants are whole milliseconds since 1970-01-01T00:00:00Z.
"""

import time
from datetime import UTC, datetime, timedelta

Instant = int

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> Instant:
    """Return the present instant."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - the edge itself


def to_datetime(instant: Instant) -> datetime:
    return _EPOCH + timedelta(milliseconds=instant)


def from_datetime(moment: datetime) -> Instant:
    """Turn an aware datetime into an instant, rounded down. Raises TypeError for a naive one."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
