"""A lane that is frozen before its graph commit, replaced without any supervisor, and woken: it writes nothing and ends.

Meanwhile somebody is erased whose touchpoints it holds.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dmp_site.processes.test_takeover import PEOPLE, books, epoch, events
from tests.e2e.test_erasure import EVERYTHING, SEARCH, run
from tests.environment import STORES
from tests.installation import Installation, frozen, installation
from tests.places import Served

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.kills,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        STORES == "sqlite",
        reason="the lock of a frozen process is free when it dies; two lanes in one process: dmp_site/erasing/test_replaced.py",
    ),
]

GONE = "gone-4711"
HERS = {
    "type": "track",
    "event": "Viewed",
    "messageId": GONE,
    "userId": GONE,
    "anonymousId": f"browser-of-{GONE}",
}
KNOWN = """
from identity import models
from identity.profiles.models import ContactCount
graph = (models.GraphTouchpoint, models.GraphCarries, models.GraphIdentifier, models.GraphLink)
print(*(model.objects.count() for model in (models.Identifier, models.Profile, ContactCount, *graph)))
"""
IN_NEO4J = (
    "RETURN COUNT { MATCH (:Touchpoint) }, COUNT { MATCH ()-[:CARRIES]->() },"
    " COUNT { MATCH (:Identifier) }, COUNT { MATCH ()-[:LINKED]->() }"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, LANE_TIMEOUT="5", STAGE_FILE=str(tmp_path / "stage")) as made:
        made.set_up()
        yield made


def erase(home: Installation) -> None:
    """Erase her as staff do, by the lane that works."""
    home.manage("erase_person", "user_id", GONE, "--wait")


def traces(home: Installation) -> list[str]:
    """Return where she is named: in tables, and in Neo4j where that keeps the graph."""
    found = run(home, SEARCH, NEEDLES=[GONE])
    if STORES == "neo4j":
        said = repr(served(home).cypher(EVERYTHING))
        found += [GONE] if GONE in said else []
    return found


def known(home: Installation) -> list[int]:
    """Return how many identifiers, profiles and counts there are; touchpoints, what they carry, their identifiers and links."""
    *people, touchpoints, carries, identifiers, links = map(int, home.shell(KNOWN).split())
    graph = [touchpoints, carries, identifiers, links]
    if STORES == "neo4j":
        assert graph == [0] * 4
        graph = served(home).cypher(IN_NEO4J)
    return [*people, *graph]


def served(home: Installation) -> Served:
    assert isinstance(home.place, Served)
    return home.place


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
    home.post(key, *events("late"), HERS)
    home.wait_for(lambda: frozen(first.pid), "the first lane to freeze")

    home.wait_for(lambda: home.lane() == second.pid, "the second lane")
    home.wait_for(lambda: home.position() > PEOPLE, "what the first had in hand")
    assert books(home) == [PEOPLE + 1, PEOPLE + 1, before + 1]
    assert known(home) == of(PEOPLE + 1)
    assert traces(home) != []
    erase(home)
    assert known(home) == of(PEOPLE)
    assert traces(home) == []
    os.kill(first.pid, signal.SIGCONT)
    first.wait(60)
    assert known(home) == of(PEOPLE)
    assert traces(home) == []
    home.post(key, *events("later"))
    home.wait_for(lambda: home.position() > 2 * PEOPLE, "the second lane to go on")
    assert books(home) == [2 * PEOPLE, 2 * PEOPLE, before + 1]
    assert traces(home) == []


def of(people: int) -> list[int]:
    """Return what is known of so many, each with a browser; in a table, the owner is in the touchpoint's row."""
    both = 2 * people
    carried = both if STORES == "neo4j" else people
    return [both, people, people, people, carried, both, people]
