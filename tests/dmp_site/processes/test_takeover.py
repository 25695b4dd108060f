"""Lanes as real processes: one that is stopped inside its transaction, one that is killed while another stands by."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environment import STORES
from tests.installation import Installation, installation

pytestmark = [pytest.mark.process, pytest.mark.stores]

PEOPLE = 300
BOOKS = """
from django.db.models import Sum
from identity.models import Lane
from identity.profiles.models import ContactCount
contacts = ContactCount.objects.aggregate(Sum("count"))["count__sum"] or 0
print(contacts, Lane.objects.get().epoch)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, LANE_TIMEOUT="20", STAGE_FILE=str(tmp_path / "stage")) as made:
        yield made


def events(word: str, count: int = PEOPLE) -> list[dict[str, object]]:
    return [
        {
            "type": "track",
            "event": "Viewed",
            "messageId": f"{word}-{n}",
            "userId": f"{word}-{n}",
            "anonymousId": f"browser-of-{word}-{n}",
        }
        for n in range(count)
    ]


def epoch(home: Installation) -> int:
    return home.ask("SELECT epoch FROM identity_lane") or 0


def books(home: Installation) -> list[int]:
    """Return how many touchpoints are stored, how many contacts were counted, and the epoch."""
    return [home.place.touchpoints(), *map(int, home.shell(BOOKS).split())]


def test_a_lane_stopped_inside_its_transaction_is_replaced_and_nothing_is_lost_or_twice(
    home: Installation,
) -> None:
    home.up()
    key = home.write_key()
    home.post(key, *events("early"))
    home.wait_for(lambda: home.position() >= PEOPLE, "the first touchpoints")
    first, stopped = epoch(home), home.lane()
    pause = home.pause_at("4 refresh")
    home.post(key, *events("late"))
    home.wait_for(lambda: not pause.exists(), "the lane to stop inside its transaction")

    home.post(key, *events("later"))
    home.wait_for(lambda: epoch(home) > first, "another lane", seconds=60)
    assert home.lane() != stopped
    home.wait_for(lambda: home.position() >= 3 * PEOPLE, "the rest")
    assert books(home)[:2] == [3 * PEOPLE] * 2
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


def test_a_lane_that_stands_by_takes_over_from_one_that_is_killed(home: Installation) -> None:
    home.set_up()
    key = home.write_key()
    home.start("worker", "--role", "collector")
    home.wait_for(lambda: home.answers(home.collector), "the collector")
    first = home.start("worker", "--role", "lane")
    home.wait_for(lambda: home.lane() == first.pid, "the first lane")
    second = home.start("worker", "--role", "lane")
    home.post(key, *events("early"))
    home.wait_for(lambda: home.position() >= PEOPLE, "the first touchpoints")
    time.sleep(1)
    assert second.poll() is None
    assert home.lane() == first.pid

    pause = home.pause_at("3 fold")
    home.post(key, *events("late"))
    home.wait_for(lambda: not pause.exists(), "the first lane to be inside its transaction")
    home.post(key, *events("later"))
    first.kill()
    first.wait()
    home.wait_for(lambda: home.lane() == second.pid, "the second lane", seconds=30)
    home.wait_for(lambda: home.position() >= 3 * PEOPLE, "the rest")
    assert books(home) == [3 * PEOPLE, 3 * PEOPLE, 2]


@pytest.mark.skipif(STORES == "sqlite", reason="with files, only the supervisor can kill a lane")
def test_a_lane_that_hangs_where_nobody_can_kill_it_is_cut_off_and_ends_when_it_wakes(
    home: Installation,
) -> None:
    """As on another host: no supervisor. The one that stands by ends its connections, so that its transaction holds nothing up."""
    home.set_up()
    key = home.write_key()
    home.start("worker", "--role", "collector")
    home.wait_for(lambda: home.answers(home.collector), "the collector")
    first = home.start("worker", "--role", "lane")
    home.wait_for(lambda: home.lane() == first.pid, "the first lane")
    pause = home.pause_at("4 refresh")
    home.post(key, *events("early"))
    home.wait_for(lambda: not pause.exists(), "the first lane to stop inside its transaction")
    second = home.start("worker", "--role", "lane")
    home.wait_for(lambda: home.lane() == second.pid, "the second lane")
    home.wait_for(lambda: home.position() >= PEOPLE, "the rest")
    first.send_signal(signal.SIGCONT)
    first.wait(60)
    home.post(key, *events("late"))
    home.wait_for(lambda: home.position() >= 2 * PEOPLE, "what came later")
    assert books(home) == [2 * PEOPLE, 2 * PEOPLE, 2]
