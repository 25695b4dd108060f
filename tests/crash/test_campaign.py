"""The campaign of kills: a short one with every test run, the long one in `make soak`."""

from pathlib import Path

import pytest

from tests.crash import campaign
from tests.crash.report import write
from tests.environment import STORES
from tests.places import KINDS
from tests.servers.program import Missing

ROOT = Path(__file__).resolve().parent.parent.parent
SERVERS = {"sqlite": [], "postgresql": ["postgresql"], "neo4j": ["postgresql", "neo4j"]}


@pytest.mark.process
@pytest.mark.kills
@pytest.mark.stores
@pytest.mark.timeout(600)
def test_a_few_kills_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    """Of lane, sender and supervisor, of the servers that keep the stores, and between the two commits of a batch."""
    report = campaign.run(STORES, tmp_path, kills=3, seed=1)
    assert report.faults() == []
    assert set(report.killed) == {"lane", "send", "supervisor", *SERVERS[STORES]}
    assert report.hits[campaign.BETWEEN]


@pytest.mark.soak
def test_twenty_kills_at_every_stage_lose_nothing_and_send_nothing_twice(tmp_path: Path) -> None:
    reports = []
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        try:
            reports.append(campaign.run(kind, tmp_path / kind, kills=20))
        except Missing as missing:
            pytest.skip(f"{kind}: {missing}")
        assert reports[-1].faults() == []
        assert reports[-1].kills >= 20
    write(reports, ROOT / "benchmarks" / "SOAK.md")
