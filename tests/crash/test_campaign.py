"""The campaign of kills: a short one with every test run, the long one in `make soak`."""

from pathlib import Path

import pytest

from tests.crash import campaign

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.process
def test_four_kills_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    report = campaign.run(tmp_path, kills=4, seed=1)
    assert report.faults() == []
    assert report.killed.total() == report.kills == 4


@pytest.mark.soak
def test_twenty_kills_at_every_stage_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    report = campaign.run(tmp_path, kills=20)
    assert report.faults() == []
    assert report.kills >= 20
    campaign.write(report, ROOT / "benchmarks" / "SOAK.md")
