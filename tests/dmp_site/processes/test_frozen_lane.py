"""A lane that is frozen before its graph commit, replaced without any supervisor, and woken: it writes nothing and ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dmp_site.processes.test_takeover import PEOPLE, books, epoch, events
from tests.environment import STORES
from tests.installation import Installation, installation

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        STORES == "sqlite", reason="the lock of a frozen process is free when it dies"
    ),
]

FORGET = {
    "postgresql": """
from identity.models import GraphCarries, GraphLink, GraphTouchpoint
for model in (GraphCarries, GraphLink, GraphTouchpoint):
    model.objects.all().delete()
""",
    "neo4j": """
import neo4j
from django.conf import settings
with neo4j.GraphDatabase.driver(settings.GRAPH_STORE["OPTIONS"]["url"]) as driver:
    driver.execute_query("MATCH (t:Touchpoint) DETACH DELETE t")
""",
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, LANE_TIMEOUT="5", STAGE_FILE=str(tmp_path / "stage")) as made:
        made.manage("setup")
        yield made


def frozen(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


# Before its transaction in the graph store, and inside of it, when all is written and nothing committed.
@pytest.mark.parametrize("point", ["1 record", "1 record: written"])
def test_a_lane_that_wakes_after_it_was_replaced_brings_nothing_back(
    home: Installation, point: str
) -> None:
    key = home.write_key()
    home.start("worker", "--role", "collector")
    home.wait_for(lambda: home.answers(home.collector), "the collector")
    first = home.start("worker", "--role", "lane")
    home.wait_for(lambda: home.lane() == first.pid, "the first lane")
    before = epoch(home)
    second = home.start("worker", "--role", "lane")
    home.pause_at(point)
    home.post(key, *events("late"))
    home.wait_for(lambda: frozen(first.pid), "the first lane to freeze")

    home.wait_for(lambda: home.lane() == second.pid, "the second lane")
    home.wait_for(lambda: home.position() >= PEOPLE, "what the first had in hand")
    assert books(home) == [PEOPLE, PEOPLE, before + 1]
    home.shell(FORGET[STORES])  # as an erasure would
    os.kill(first.pid, signal.SIGCONT)
    first.wait(60)
    assert home.place.touchpoints() == 0
    home.post(key, *events("later"))
    home.wait_for(lambda: home.position() >= 2 * PEOPLE, "the second lane to go on")
    assert books(home) == [PEOPLE, 2 * PEOPLE, before + 1]
