"""Local times where the clocks are changed."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from identity.clock import Instant, from_datetime
from journeys.hours import QuietHours, next_local, quiet_until

PARIS = ZoneInfo("Europe/Paris")
NIGHT = QuietHours(time(22), time(2, 30))


def utc(text: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-10-25T00:10", "2026-10-25T00:30"),  # the first 02:10 of the night
        ("2026-10-25T01:10", "2026-10-25T01:30"),  # the second
        ("2026-03-29T00:30", "2026-03-29T01:00"),  # 02:30 never comes: when the clocks jump
        ("2026-06-01T21:00", "2026-06-02T00:30"),
    ],
)
def test_quiet_hours_end_once_a_night_whatever_the_clocks_do(now: str, end: str) -> None:
    assert quiet_until(utc(now), NIGHT, PARIS) == utc(end)


def test_outside_of_quiet_hours_nothing_waits() -> None:
    assert quiet_until(utc("2026-06-01T12:00"), NIGHT, PARIS) is None
    assert quiet_until(utc("2026-06-01T12:00"), None, PARIS) is None


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-06-01T05:00", "2026-06-01T07:00"),
        ("2026-06-01T07:00", "2026-06-02T07:00"),  # "after", not "at"
        ("2026-10-24T07:00", "2026-10-25T08:00"),
    ],
)
def test_the_next_nine_o_clock(now: str, then: str) -> None:
    assert next_local(utc(now), time(9), PARIS) == utc(then)


def test_a_time_that_spring_skips_is_the_jump() -> None:
    assert next_local(utc("2026-03-28T12:00"), time(2, 30), PARIS) == utc("2026-03-29T01:00")
