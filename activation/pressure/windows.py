"""Spans of time over which contacts are counted. Pure; instants are milliseconds UTC, spans include their start, not their end.

Calendar spans go by what the clocks of the zone show: an hour begins whenever they show a full one, so one that autumn repeats is
two; a day may have 23 or 25 hours, and a midnight that spring skips begins when the clocks jump.
"""

from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from activation.pressure.costs import Costs
from activation.pressure.types import Calendar, Period, Quiet, Rolling, Window
from identity.clock import DAY, HOUR, MINUTE, SECOND, Instant, from_datetime, to_datetime

LONGEST = {
    Period.HOUR: 3 * HOUR,
    Period.DAY: 2 * DAY,
    Period.WEEK: 8 * DAY,
    Period.MONTH: 32 * DAY,
}
USUAL = {Period.HOUR: HOUR, Period.DAY: DAY, Period.WEEK: 7 * DAY, Period.MONTH: 30 * DAY}


@lru_cache(maxsize=1_000)
def zone_named(name: str, fallback: str) -> ZoneInfo:
    """Return the IANA zone, or the fallback when there is none of that name; never "no zone"."""
    for candidate in (name, fallback):
        try:
            return ZoneInfo(candidate)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def reach(window: Window) -> Instant:
    """Return how far from a contact another one can be and still share a window with it."""
    return window.duration if isinstance(window, Rolling) else LONGEST[window.period]


def length(window: Window) -> Instant:
    """Return how long the window usually is, to compare limits by."""
    return window.duration if isinstance(window, Rolling) else USUAL[window.period]


def span(calendar: Calendar, at: Instant, zone: ZoneInfo) -> tuple[Instant, Instant]:
    """Return start and end of the hour, day, week or month that holds `at`."""
    if calendar.period is Period.HOUR:
        return _hour_start(at, zone), _hour_end(at, zone)
    start = _floor(calendar, _local(at, zone).replace(tzinfo=None, fold=0))
    return instant_of(start, zone), instant_of(_following(calendar.period, start), zone)


def _local(at: Instant, zone: ZoneInfo) -> datetime:
    return to_datetime(at).astimezone(zone)


def _past(at: Instant, zone: ZoneInfo) -> Instant:
    """Return how long the clocks have shown the present hour."""
    local = _local(at, zone)
    return local.minute * MINUTE + local.second * SECOND + local.microsecond // 1000


def _hour_start(at: Instant, zone: ZoneInfo) -> Instant:
    start = at - _past(at, zone)
    if _local(start, zone).utcoffset() == _local(at, zone).utcoffset():
        return start
    jump = _jump(start, at, zone)
    return jump if _past(jump, zone) == 0 else _hour_start(jump - 1, zone)


def _hour_end(at: Instant, zone: ZoneInfo) -> Instant:
    end = at + HOUR - _past(at, zone)
    if _local(end, zone).utcoffset() == _local(at, zone).utcoffset():
        return end
    jump = _jump(at, end, zone)
    return jump if _past(jump, zone) == 0 else _hour_end(jump, zone)


def _floor(calendar: Calendar, local: datetime) -> datetime:
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if calendar.period is Period.WEEK:
        return day - timedelta(days=(day.weekday() - calendar.week_start) % 7)
    return day.replace(day=1) if calendar.period is Period.MONTH else day


def _following(period: Period, start: datetime) -> datetime:
    if period is Period.MONTH:
        return (start + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=1 if period is Period.DAY else 7)


def instant_of(local: datetime, zone: ZoneInfo) -> Instant:
    """Return the first instant at which clocks in the zone show this time; for a time that they skip, the jump itself."""
    late = from_datetime(local.replace(tzinfo=zone))
    if _local(late, zone).replace(tzinfo=None, fold=0) == local:
        return late
    return _jump(from_datetime(local.replace(tzinfo=zone, fold=1)), late, zone)


def _jump(early: Instant, late: Instant, zone: ZoneInfo) -> Instant:
    """Return the instant in (early, late] at which the clocks of the zone are changed; there is one."""
    before = _local(early, zone).utcoffset()
    while late - early > 1:
        middle = (early + late) // 2
        if _local(middle, zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def use(window: Window, costs: Costs, at: Instant, zone: ZoneInfo) -> int:
    """Return what the fullest window that holds `at` has in it; later contacts count as much as earlier ones."""
    if isinstance(window, Calendar):
        return costs.within(*span(window, at, zone))
    return costs.fullest(window.duration, at)


def free(window: Window, costs: Costs, at: Instant, zone: ZoneInfo, room: int) -> Instant | None:
    """Return the first instant from `at` on where `use` is at most `room`; None when there is none (room < 0)."""
    if room < 0:
        return None
    if isinstance(window, Rolling):
        return costs.freed(window.duration, at, room)
    start, end = span(window, at, zone)
    while costs.within(start, end) > room:
        at = end
        start, end = span(window, at, zone)
    return at


def quiet_end(quiet: Quiet, at: Instant, zone: ZoneInfo) -> Instant:
    """Return `at` when it is not quiet then, else the first instant at which it no longer is."""
    local = _local(at, zone)
    if not _is_quiet(quiet, local.time()):
        return at
    days = 1 if quiet.start > quiet.end and local.time() >= quiet.start else 0
    wall = datetime.combine(local.date() + timedelta(days=days), quiet.end)
    end = instant_of(wall, zone)
    if end <= at:  # the first time has passed in an hour that autumn repeats
        end = from_datetime(wall.replace(tzinfo=zone, fold=1))
    if _local(end, zone).utcoffset() != local.utcoffset():
        jump = _jump(at, end, zone)
        if not _is_quiet(quiet, _local(jump, zone).time()):
            return jump
    return end


def _is_quiet(quiet: Quiet, clock: time) -> bool:
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end
