"""Lanes as real processes: one that is stopped inside its transaction, one that is killed while another stands by."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.installation import Installation, installation

pytestmark = pytest.mark.process

PEOPLE = 300
BOOKS = """
from django.db.models import Sum
from identity.models import GraphTouchpoint, Lane
from identity.profiles.models import ContactCount
contacts = ContactCount.objects.aggregate(Sum("count"))["count__sum"] or 0
print(GraphTouchpoint.objects.count(), contacts, Lane.objects.get().epoch)
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, LANE_TIMEOUT="12", STAGE_FILE=str(tmp_path / "stage")) as made:
        yield made


def events(word: str, count: int = PEOPLE) -> list[dict[str, object]]:
    return [
        {
            "type": "track",
            "event": "Viewed",
            "messageId": f"{word}-{n}",
            "userId": f"{word}-{n}",
        }
        for n in range(count)
    ]


def lane_row(home: Installation) -> tuple[int, str, int]:
    """Return epoch, holder and position."""
    path = home.directory / "filrouge.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
        sql = "SELECT epoch, holder, live_position FROM identity_lane"
        found = database.execute(sql).fetchone()
    return found or (0, "", 0)


def holder(home: Installation) -> int:
    """Return the process id of the lane that works, 0 before there is one."""
    return int(lane_row(home)[1].rpartition(" ")[2] or 0)


def processed(home: Installation, count: int) -> bool:
    return lane_row(home)[2] >= count


def pause_at(home: Installation, point: str) -> Path:
    file = home.directory / "stage.pause"
    file.with_suffix(".draft").write_text(point)
    return file.with_suffix(".draft").rename(file)


def test_a_lane_stopped_inside_its_transaction_is_replaced_and_nothing_is_lost_or_twice(
    home: Installation,
) -> None:
    home.up()
    key = home.write_key()
    home.post(key, *events("early"))
    home.wait_for(lambda: processed(home, PEOPLE), "the first touchpoints")
    epoch, _, _ = lane_row(home)
    stopped = holder(home)
    pause = pause_at(home, "4 refresh")
    home.post(key, *events("late"))
    home.wait_for(lambda: not pause.exists(), "the lane to stop inside its transaction")
    os.kill(stopped, signal.SIGSTOP)

    home.post(key, *events("later"))
    home.wait_for(lambda: lane_row(home)[0] > epoch, "another lane", seconds=60)
    assert holder(home) != stopped
    home.wait_for(lambda: processed(home, 3 * PEOPLE), "the rest")
    assert home.shell(BOOKS).split()[:2] == [str(3 * PEOPLE)] * 2
    with pytest.raises(ProcessLookupError):
        os.kill(stopped, 0)


def test_a_lane_that_stands_by_takes_over_from_one_that_is_killed(home: Installation) -> None:
    home.manage("setup")
    key = home.write_key()
    home.start("worker", "--role", "collector")
    home.wait_for(lambda: home.answers(home.collector), "the collector")
    first = home.start("worker", "--role", "lane")
    home.wait_for(lambda: holder(home) == first.pid, "the first lane")
    second = home.start("worker", "--role", "lane")
    home.post(key, *events("early"))
    home.wait_for(lambda: processed(home, PEOPLE), "the first touchpoints")
    time.sleep(1)
    assert second.poll() is None
    assert holder(home) == first.pid

    pause = pause_at(home, "3 fold")
    home.post(key, *events("late"))
    home.wait_for(lambda: not pause.exists(), "the first lane to be inside its transaction")
    home.post(key, *events("later"))
    first.kill()
    first.wait()
    home.wait_for(lambda: holder(home) == second.pid, "the second lane", seconds=30)
    home.wait_for(lambda: processed(home, 3 * PEOPLE), "the rest")
    assert home.shell(BOOKS).split() == [str(3 * PEOPLE), str(3 * PEOPLE), "2"]
