"""When a heartbeat has stopped: what counts is that it changes, not what it says."""

import os
import socket
import time
from dataclasses import replace

import pytest
from django.db import InterfaceError, OperationalError

from dmp_site.processes.children import Pulse, children
from identity.touchpoints import lane


class Heart:
    """Beats, or cannot be asked, as the test says."""

    def __init__(self) -> None:
        self.beat: int | None = None
        self.away: Exception | None = None
        self.takes = 0.0  # seconds to answer

    def __call__(self) -> int | None:
        time.sleep(self.takes)
        if self.away is not None:
            raise self.away
        return self.beat


@pytest.fixture
def heart() -> Heart:
    return Heart()


@pytest.fixture
def hangs(heart: Heart) -> Pulse:
    return Pulse(heart, 30)


def test_a_child_that_never_beats_has_the_limit_to_begin(hangs: Pulse) -> None:
    assert not hangs(129, started=100)
    assert hangs(131, started=100)
    assert not hangs(132, started=131.5)


def test_a_heart_that_stops_is_seen_after_the_limit(heart: Heart, hangs: Pulse) -> None:
    for moment in range(100, 200, 5):
        heart.beat = moment
        assert not hangs(moment, started=100)
    assert not hangs(224, started=100)
    assert hangs(226, started=100)


def test_what_an_earlier_child_said_proves_nothing(heart: Heart, hangs: Pulse) -> None:
    heart.beat = 99
    assert not hangs(101, started=100)
    assert hangs(132, started=100)


@pytest.mark.parametrize("beats", [[10**12, 5, 6], [5, 10**12, 10**12 + 1]])
def test_a_clock_that_is_set_kills_nobody(heart: Heart, hangs: Pulse, beats: list[int]) -> None:
    for moment, beat in zip((100, 125, 150), beats, strict=True):
        heart.beat = beat
        assert not hangs(moment, started=100)


def test_who_said_how_long_it_may_be_silent_is_given_that_time(heart: Heart) -> None:
    said = [4]
    hangs = Pulse(heart, 30, times=lambda: said[0])
    heart.beat = 1
    assert not hangs(100, started=100)
    assert not hangs(219, started=100)
    assert hangs(221, started=100)
    said[0] = 1
    assert hangs(131, started=100)


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed")])
def test_an_outage_of_the_database_hides_the_heart_and_proves_nothing(
    heart: Heart, hangs: Pulse, error: Exception
) -> None:
    heart.beat, heart.away = 1, error
    assert not hangs(200, started=100)
    heart.away = None
    assert not hangs(229, started=100)
    assert hangs(260, started=100)


def test_a_database_that_hung_hid_the_heart_and_proves_nothing(heart: Heart, hangs: Pulse) -> None:
    heart.beat = 1
    assert not hangs(100, started=100)
    heart.takes = 1.1
    assert not hangs(120, started=100)
    heart.takes = 0
    assert not hangs(145, started=100)
    assert hangs(160, started=100)


def test_lane_and_jobs_are_watched() -> None:
    watched = [child.name for child in children() if isinstance(child.hung, Pulse)]
    assert watched == ["lane", "jobs"]


@pytest.mark.django_db(transaction=True)  # the watch closes its connection
def test_a_lane_that_stands_by_for_one_that_hangs_elsewhere_is_left_alone(heart: Heart) -> None:
    [of_lane] = [child.hung for child in children() if child.name == "lane"]
    assert isinstance(of_lane, Pulse)
    hangs = replace(of_lane, read=heart, limit=30)
    mine, other = os.getpid(), os.getppid()
    assert hangs(131, 100, mine)
    lane.take_over(lane.name_of(socket.gethostname(), mine), 1)
    assert hangs(231, 100, mine)
    lane.take_over(lane.name_of(socket.gethostname(), other), 1)
    assert not hangs(331, 100, mine)
    lane.take_over(lane.name_of("another-host", mine), 1)
    assert not hangs(431, 100, mine)
    lane.take_over(lane.name_of(socket.gethostname(), 2**22 + 1), 1)  # it is dead
    assert hangs(531, 100, mine)
