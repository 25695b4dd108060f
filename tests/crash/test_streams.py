"""Random streams through 1, 2 and 4 workers whose lane is killed leave the same people under the same ids as the lane in process.

What that is, the partition says of all that is stored: `rebuild_graph --check` compares it with both.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from identity.clock import DAY, now
from identity.models import ProfileMove
from tests.crash.herd import WORKERS, Herd
from tests.crash.report import STAGES
from tests.crash.streams import Stream, decide, drawn, outcome
from tests.installation import Installation, installation
from tests.road import Road
from tests.same.stream import Event
from tests.stores import clear_graph

pytestmark = [
    pytest.mark.process,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(400),
]

AGO = 60 * DAY
POINTS = (*STAGES["lane"][:-1], "1 record: written")  # there is nothing to reserve
DECIDE = (
    "from identity.clock import now; from tests.crash.streams import decide; decide({!r}, now())"
)
OUTCOME = "import json; from tests.crash.streams import outcome; print(json.dumps(outcome()))"
OPEN = "SELECT count(*) FROM identity_lanecommand WHERE done_at IS NULL"
STREAMS = 5


class Workers:
    """An installation, as many workers, and the points at which their lane is killed."""

    def __init__(self, home: Installation, size: int, *, seed: int) -> None:
        self._home, self._size, self._herd = home, size, Herd(home)
        self._random = random.Random(seed)
        home.manage("setup")
        home.start("worker", "--role", "collector")
        self._herd.fill(size)
        self._key = home.write_key()
        home.wait_for(lambda: home.answers(home.collector), "the collector")

    def take(self, stream: Stream) -> dict[str, Any]:
        """Let the stream through, with a kill in each half; return the outcome."""
        self._half(stream.first)
        self._home.shell(DECIDE.format([tuple(each) for each in stream.asked]))
        self._half(stream.second)
        assert self._home.place.touchpoints() == stream.touchpoints, "all were taken, each once"
        assert self._home.ask("SELECT count(*) FROM identity_setaside") == 0
        found: dict[str, Any] = json.loads(self._home.shell(OUTCOME))
        return found

    def _half(self, events: list[Event]) -> None:
        """Send a third, a third whose batch the lane dies in, and a third that waits for the next lane; return when all is done."""
        home, third = self._home, len(events) // 3
        home.post(self._key, *events[:third])
        pause = home.pause_at(self._random.choice(POINTS))
        home.post(self._key, *events[third : 2 * third])
        home.wait_for(lambda: not pause.exists(), "the lane at the point")
        home.post(self._key, *events[2 * third :])
        self._herd.kill_lane()
        self._herd.fill(self._size)
        home.wait_for(lambda: home.waiting() == 0, "the inbox to be empty")
        home.wait_for(lambda: home.ask(OPEN) == 0, "what was decided to be carried out")


def in_process(stream: Stream, directory: Path) -> dict[str, Any]:
    """Return the outcome of the same stream in one lane that nobody kills, in batches of its own."""
    clear_graph()
    directory.mkdir()
    road = Road(directory, now())
    try:
        road.receive(*stream.first)
        road.run()
        decide(stream.asked, road.now)
        road.receive(*stream.second)
        road.run()
        return outcome()
    finally:
        road.writer.close()


def compare(stream: Stream, workers: int, directory: Path, settings: Any, *, seed: int) -> None:
    with installation(directory, STAGE_FILE=str(directory / "stage")) as home:
        found = Workers(home, workers, seed=seed).take(stream)
        settings.KEYS_FILE = home.directory / "keys.json"  # which ids are derived from
    assert found == in_process(stream, directory / "replay")
    assert set(ProfileMove.objects.values_list("kind", flat=True)) == {"merge", "split"}
    assert {state for *_, state in found["decisions"]} == {"standing", "undone"}


def test_workers_whose_lane_is_killed_say_what_the_lane_in_process_says(
    tmp_path: Path, settings: Any
) -> None:
    stream = drawn(400, now() - AGO, people=30, seed=1)
    compare(stream, 2, tmp_path, settings, seed=1)


@pytest.mark.stores
@pytest.mark.soak
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("seed", range(STREAMS))
def test_many_streams_do_not_depend_on_the_number_of_workers(
    tmp_path: Path, settings: Any, workers: int, seed: int
) -> None:
    stream = drawn(1_500, now() - AGO, people=80, seed=seed)
    compare(stream, workers, tmp_path, settings, seed=seed)
