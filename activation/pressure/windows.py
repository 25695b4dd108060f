"""Spans of time over which contacts are counted. Pure; instants are milliseconds UTC, spans include their start, not their end.

Calendar spans go by what the clocks of the zone show: an hour that is repeated in autumn is one hour of 120 minutes, a day may
have 23 or 25 hours, and a midnight that spring skips begins when the clocks jump.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from activation.pressure.types import Calendar, Period, Quiet, Rolling, Window
from identity.clock import DAY, HOUR, Instant, from_datetime, to_datetime

Costs = Sequence[tuple[Instant, int]]  # sorted by time

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
    start = _floor(calendar, to_datetime(at).astimezone(zone).replace(tzinfo=None, fold=0))
    return _instant(start, zone), _instant(_following(calendar.period, start), zone)


def _floor(calendar: Calendar, local: datetime) -> datetime:
    hour = local.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match calendar.period:
        case Period.HOUR:
            return hour
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=(day.weekday() - calendar.week_start) % 7)
        case Period.MONTH:
            return day.replace(day=1)


def _following(period: Period, start: datetime) -> datetime:
    if period is Period.MONTH:
        return (start + timedelta(days=32)).replace(day=1)
    steps = {Period.HOUR: timedelta(hours=1), Period.DAY: timedelta(days=1)}
    return start + steps.get(period, timedelta(days=7))


def _instant(local: datetime, zone: ZoneInfo) -> Instant:
    """Return the first instant at which clocks in the zone show this time; for a time that they skip, the jump itself."""
    late = from_datetime(local.replace(tzinfo=zone))
    if to_datetime(late).astimezone(zone).replace(tzinfo=None, fold=0) == local:
        return late
    early = from_datetime(local.replace(tzinfo=zone, fold=1))
    before = to_datetime(early).astimezone(zone).utcoffset()
    while late - early > 1:
        middle = (early + late) // 2
        if to_datetime(middle).astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def use(window: Window, costs: Costs, at: Instant, zone: ZoneInfo) -> int:
    """Return what the fullest window that holds `at` has in it; later contacts count as much as earlier ones."""
    if isinstance(window, Calendar):
        start, end = span(window, at, zone)
        return sum(cost for when, cost in costs if start <= when < end)
    return _fullest(window.duration, costs, at)


def _fullest(duration: Instant, costs: Costs, at: Instant) -> int:
    # A window can be pushed right until it starts at a contact, or at `at`, without losing any: only those starts matter.
    near = [one for one in costs if at - duration < one[0] < at + duration]
    starts = {when for when, _ in near if when <= at} | {at}
    return max(
        sum(cost for when, cost in near if start <= when < start + duration) for start in starts
    )


def free(window: Window, costs: Costs, at: Instant, zone: ZoneInfo, room: int) -> Instant | None:
    """Return the first instant from `at` on where `use` is at most `room`; None when there is none (room < 0)."""
    if room < 0:
        return None
    while use(window, costs, at, zone) > room:
        at = _next(window, costs, at, zone)
    return at


def _next(window: Window, costs: Costs, at: Instant, zone: ZoneInfo) -> Instant:
    """Room can only appear where a calendar span ends, or where a contact falls out of every window that holds the instant."""
    if isinstance(window, Calendar):
        return span(window, at, zone)[1]
    return min(when + window.duration for when, _ in costs if when + window.duration > at)


def quiet_end(quiet: Quiet, at: Instant, zone: ZoneInfo) -> Instant:
    """Return `at` when it is not quiet then, else when the quiet hours end."""
    local = to_datetime(at).astimezone(zone)
    clock = local.time()
    if quiet.start <= quiet.end:
        inside, tomorrow = quiet.start <= clock < quiet.end, False
    else:
        inside, tomorrow = clock >= quiet.start or clock < quiet.end, clock >= quiet.start
    return _wall(local, quiet.end, zone, at, tomorrow=tomorrow) if inside else at


def _wall(local: datetime, end: time, zone: ZoneInfo, at: Instant, *, tomorrow: bool) -> Instant:
    """Return when clocks next show `end`: the second time if the first has passed in an hour that autumn repeats."""
    day = local.date() + timedelta(days=1 if tomorrow else 0)
    wall = datetime.combine(day, end)
    first = _instant(wall, zone)
    return first if first > at else from_datetime(wall.replace(tzinfo=zone, fold=1))
