"""One, two and four workers: when the lane is killed another goes on, and nothing is lost or counted twice."""

from pathlib import Path

import pytest

from tests.crash import failover
from tests.environment import STORES
from tests.places import place


@pytest.mark.process
@pytest.mark.kills
@pytest.mark.stores
@pytest.mark.timeout(400)
def test_another_worker_goes_on_when_the_lane_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = failover.measure(place(tmp_path), tmp_path)
    assert list(seconds) == [1, 2, 4]
    with capsys.disabled():
        print(f"\n{failover.say(STORES, seconds)}")  # noqa: T201 - a figure for who reads the run
