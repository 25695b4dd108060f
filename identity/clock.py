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
# A day inside what datetime can express, so that every time zone can show it.
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def now() -> Instant:
    """Return the present instant."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - the edge itself


def to_datetime(instant: Instant) -> datetime:
    """Turn an instant into an aware datetime; the nearest there is for one before the year 1 or after 9999."""
    if not _FIRST_INSTANT <= instant <= _LAST_INSTANT:
        return _FIRST if instant < 0 else _LAST
    return _EPOCH + timedelta(milliseconds=instant)


def from_datetime(moment: datetime) -> Instant:
    """Turn an aware datetime into an instant, rounded down. Raises TypeError for a naive one."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


_FIRST_INSTANT, _LAST_INSTANT = from_datetime(_FIRST), from_datetime(_LAST)
