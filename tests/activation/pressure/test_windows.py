"""Spans: rolling edges, calendars through changes of clocks, quiet hours."""

from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.pressure import windows
from activation.pressure.costs import Costs
from activation.pressure.types import Calendar, Period, Quiet, Rolling, Window
from identity.clock import DAY, HOUR, MINUTE, Instant, from_datetime, to_datetime
from tests.soaking import examples

PARIS = ZoneInfo("Europe/Paris")
UTC = ZoneInfo("UTC")


def at(text: str, zone: ZoneInfo = PARIS, fold: int = 0) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold))


def local(instant: int, zone: ZoneInfo = PARIS) -> str:
    return to_datetime(instant).astimezone(zone).isoformat()


def test_a_rolling_window_holds_a_contact_until_just_before_its_length_has_passed():
    day = Rolling(DAY)
    assert windows.use(day, Costs([(0, 1)]), DAY - 1, UTC) == 1
    assert windows.use(day, Costs([(0, 1)]), DAY, UTC) == 0


def test_later_reservations_count_and_so_does_the_fullest_window_on_either_side():
    costs = Costs([(0, 1), (20 * HOUR, 1), (30 * HOUR, 1)])
    day = Rolling(DAY)
    assert (
        windows.use(day, costs, 10 * HOUR, UTC) == 2
    )  # with 0 and 20, or with 20 and 30: never all three
    assert windows.use(day, Costs([(11 * HOUR, 1)]), 10 * HOUR, UTC) == 1
    assert windows.free(day, costs, 10 * HOUR, UTC, room=1) == 44 * HOUR


def test_a_limit_that_the_contact_alone_exceeds_is_never_free():
    assert windows.free(Rolling(DAY), Costs(), 0, UTC, room=-1) is None


# --- The definition, word for word; what is computed agrees with it ---

Listed = Sequence[tuple[Instant, int]]


def _use(window: Window, costs: Listed, at: Instant) -> int:
    """Every window that holds `at`, one after another."""
    if isinstance(window, Calendar):
        start, end = windows.span(window, at, PARIS)
        return sum(cost for when, cost in costs if start <= when < end)
    starts = range(at - window.duration + 1, at + 1)
    return max(
        sum(cost for when, cost in costs if start <= when < start + window.duration)
        for start in starts
    )


def _free(window: Window, costs: Listed, at: Instant, room: int) -> Instant:
    """Every instant at which a calendar span ends, or a contact falls out of every window, one after another."""
    while _use(window, costs, at) > room:
        if isinstance(window, Calendar):
            at = windows.span(window, at, PARIS)[1]
        else:
            ends = [when + window.duration for when, _ in costs]
            at = min(end for end in ends if end > at)
    return at


@settings(deadline=None, max_examples=examples(300))
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=25),
    st.integers(1, 15),
    st.lists(st.integers(-20, 80), min_size=1, max_size=5),
    st.integers(0, 8),
)
def test_rolling_windows_are_what_their_definition_says(costs, duration, moments, room):
    window, known = Rolling(duration), Costs(costs)
    for moment in moments:
        assert windows.use(window, known, moment, UTC) == _use(window, costs, moment)
        free = windows.free(window, known, moment, UTC, room)
        assert free == _free(window, costs, moment, room)
        assert free == next(
            at for at in range(moment, moment + 200) if _use(window, costs, at) <= room
        )


@settings(deadline=None, max_examples=examples(100))
@given(
    st.sampled_from([Calendar(period) for period in Period]),
    st.lists(
        st.tuples(st.integers(0, 96).map(lambda half: half * HOUR // 2), st.integers(0, 3)),
        max_size=25,
    ),
    st.integers(-24, 100),
    st.integers(0, 8),
)
def test_calendar_windows_are_what_their_definition_says(window, costs, hour, room):
    eve = from_datetime(datetime(2026, 10, 24, tzinfo=PARIS))  # clocks change within the night
    listed = [(eve + at, cost) for at, cost in costs]
    known, moment = Costs(listed), eve + hour * HOUR
    assert windows.use(window, known, moment, PARIS) == _use(window, listed, moment)
    assert windows.free(window, known, moment, PARIS, room) == _free(window, listed, moment, room)


@pytest.mark.parametrize(
    ("moment", "calendar", "start", "end"),
    [
        (
            "2026-03-29T12:00",
            Calendar(Period.DAY),
            "2026-03-29T00:00:00+01:00",
            "2026-03-30T00:00:00+02:00",
        ),
        (
            "2026-10-25T12:00",
            Calendar(Period.DAY),
            "2026-10-25T00:00:00+02:00",
            "2026-10-26T00:00:00+01:00",
        ),
        (
            "2026-03-29T01:30",
            Calendar(Period.HOUR),
            "2026-03-29T01:00:00+01:00",
            "2026-03-29T03:00:00+02:00",
        ),
        (
            "2026-10-25T02:30",
            Calendar(Period.HOUR),
            "2026-10-25T02:00:00+02:00",
            "2026-10-25T02:00:00+01:00",
        ),
        (
            "2026-09-03T12:00",
            Calendar(Period.WEEK),
            "2026-08-31T00:00:00+02:00",
            "2026-09-07T00:00:00+02:00",
        ),
        (
            "2026-09-03T12:00",
            Calendar(Period.WEEK, 6),
            "2026-08-30T00:00:00+02:00",
            "2026-09-06T00:00:00+02:00",
        ),
        (
            "2026-12-31T23:59",
            Calendar(Period.MONTH),
            "2026-12-01T00:00:00+01:00",
            "2027-01-01T00:00:00+01:00",
        ),
    ],
)
def test_calendar_spans_go_by_the_clocks_of_the_zone(moment, calendar, start, end):
    found = windows.span(calendar, at(moment), PARIS)
    assert tuple(map(local, found)) == (start, end)


def test_an_hour_that_autumn_repeats_is_two_hours():
    first, second = at("2026-10-25T02:30"), at("2026-10-25T02:30", fold=1)
    spans = [windows.span(Calendar(Period.HOUR), moment, PARIS) for moment in (first, second)]
    assert [end - start for start, end in spans] == [HOUR, HOUR]
    assert spans[0][1] == spans[1][0]


def test_a_midnight_that_spring_skips_begins_when_the_clocks_jump():
    beirut = ZoneInfo("Asia/Beirut")  # 2026-03-29: 00:00 becomes 01:00
    start, end = windows.span(Calendar(Period.DAY), at("2026-03-29T12:00", beirut), beirut)
    assert local(start, beirut) == "2026-03-29T01:00:00+03:00"
    assert end - start == 23 * HOUR


ZONES = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Havana",
    "Africa/Cairo",
    "Pacific/Chatham",
]


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(Period),
    st.integers(
        from_datetime(datetime(2024, 1, 1, tzinfo=UTC)),
        from_datetime(datetime(2030, 1, 1, tzinfo=UTC)),
    ),
)
def test_calendar_spans_tile_time(name, period, moment):
    zone = ZoneInfo(name)
    calendar = Calendar(period)
    start, end = windows.span(calendar, moment, zone)
    assert start <= moment < end
    assert end - start <= windows.reach(Rolling(windows.LONGEST[period]))
    assert windows.span(calendar, start, zone) == (start, end)
    assert windows.span(calendar, end - 1, zone) == (start, end)
    assert windows.span(calendar, end, zone)[0] == end


def test_a_missing_or_wrong_zone_is_the_fallback_never_none():
    assert windows.zone_named("", "Europe/Paris").key == "Europe/Paris"
    assert windows.zone_named("Mars/Olympus", "Europe/Paris").key == "Europe/Paris"
    assert windows.zone_named("../etc/passwd", "nowhere").key == "UTC"


NIGHT = Quiet(time(22), time(8))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-01T21:59:59", "2026-06-01T21:59:59+02:00"),
        ("2026-06-01T22:00", "2026-06-02T08:00:00+02:00"),
        ("2026-06-02T07:59:59", "2026-06-02T08:00:00+02:00"),
        ("2026-06-02T08:00", "2026-06-02T08:00:00+02:00"),
        ("2026-10-24T23:00", "2026-10-25T08:00:00+01:00"),
        ("2026-03-28T23:00", "2026-03-29T08:00:00+02:00"),
    ],
)
def test_quiet_hours_pass_midnight(moment, expected):
    assert local(windows.quiet_end(NIGHT, at(moment), PARIS)) == expected


def test_quiet_hours_that_end_in_an_hour_that_spring_skips_end_at_the_jump():
    quiet = Quiet(time(22), time(2, 30))
    assert (
        local(windows.quiet_end(quiet, at("2026-03-29T01:00"), PARIS))
        == "2026-03-29T03:00:00+02:00"
    )


def test_quiet_hours_come_again_in_an_hour_that_autumn_repeats():
    quiet = Quiet(time(22), time(2, 30))
    second = at("2026-10-25T02:10", fold=1)
    assert windows.quiet_end(quiet, second, PARIS) == at("2026-10-25T02:30", fold=1)


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.integers(0, 23 * 60),
    st.integers(0, 23 * 60),
    st.integers(
        from_datetime(datetime(2026, 1, 1, tzinfo=UTC)),
        from_datetime(datetime(2027, 1, 1, tzinfo=UTC)),
    ),
)
def test_quiet_hours_end_at_the_first_minute_that_is_not_quiet(name, start, end, moment):
    zone = ZoneInfo(name)
    quiet = Quiet(time(start // 60, start % 60), time(end // 60, end % 60))

    def is_quiet(instant: int) -> bool:
        clock = to_datetime(instant).astimezone(zone).time()
        if quiet.start <= quiet.end:
            return quiet.start <= clock < quiet.end
        return clock >= quiet.start or clock < quiet.end

    found = windows.quiet_end(quiet, moment, zone)
    step = moment
    while is_quiet(step):
        step = (step // MINUTE + 1) * MINUTE
    assert found == step
