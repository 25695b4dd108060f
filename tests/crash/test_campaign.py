"""The campaign of kills: a short one with every test run, the long one in `make soak`."""

import os
from pathlib import Path

import pytest

from tests.crash import campaign
from tests.crash.report import leave_out, write
from tests.environment import STORES
from tests.places import KINDS
from tests.servers.program import Missing

SOAK = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "SOAK.md"
SERVERS = {"sqlite": [], "postgresql": ["postgresql"], "neo4j": ["postgresql", "neo4j"]}


@pytest.mark.process
@pytest.mark.kills
@pytest.mark.stores
@pytest.mark.timeout(900)
def test_a_few_kills_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    """Of lane, sender and supervisor, of the servers that keep the stores, and between the two commits of a batch."""
    report = campaign.run(STORES, tmp_path, kills=3, seed=1)
    assert report.faults() == []
    assert set(report.killed) == {"lane", "send", "supervisor", *SERVERS[STORES]}
    assert report.hits[campaign.BETWEEN]


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_twenty_kills_at_every_stage_lose_nothing_and_send_nothing_twice(
    tmp_path: Path, kind: str
) -> None:
    try:
        report = campaign.run(kind, tmp_path, kills=20)
    except Missing as missing:
        leave_out(kind, missing, SOAK)
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{kind}: {missing}")
    assert report.faults() == []
    assert report.kills >= 20
    write(report, SOAK)
