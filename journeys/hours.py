"""Local times and quiet hours. Pure."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from activation.pressure.types import Quiet
from activation.pressure.windows import instant_of, quiet_end
from identity.clock import Instant, from_datetime, to_datetime


class QuietHours(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"start": "from", "end": "until"},
):
    """A span of each day, local time, in which nothing but transactional messages is sent; it may pass midnight."""

    start: time
    end: time


def milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def zone_of(*names: str) -> ZoneInfo:
    """Return the first of the IANA names that is one; UTC when none is."""
    for name in names:
        if zone := _zone(name):
            return zone
    return ZoneInfo("UTC")


def _zone(name: Any) -> ZoneInfo | None:
    if not name or not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a path, a directory, an unknown name
        return None


def is_zone(name: str) -> bool:
    return _zone(name) is not None


def next_local(now: Instant, wanted: time, zone: ZoneInfo) -> Instant:
    """Return the first instant after `now` at which clocks in the zone show `wanted`; for a time that spring skips, the jump itself."""
    today = to_datetime(now).astimezone(zone).date()
    wall = wanted.replace(tzinfo=None, fold=0)
    for days in range(-1, 3):
        day = datetime.combine(today + timedelta(days=days), wall)
        # An hour that autumn repeats shows it twice.
        for instant in (instant_of(day, zone), from_datetime(day.replace(tzinfo=zone, fold=1))):
            if instant > now:
                return instant
    raise AssertionError("a day has an end")


def quiet_until(now: Instant, quiet: QuietHours | None, zone: ZoneInfo) -> Instant | None:
    """Return when the quiet hours that hold now end; None when it is not quiet."""
    if quiet is None or quiet.start == quiet.end:
        return None
    end = quiet_end(Quiet(quiet.start, quiet.end), now, zone)
    return end if end > now else None
