"""A lane that is frozen before its graph commit, replaced without any supervisor, and woken: it writes nothing and ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dmp_site.processes.test_takeover import PEOPLE, books, epoch, events
from tests.environment import STORES
from tests.installation import Installation, frozen, installation
from tests.places import Served

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        STORES == "sqlite", reason="the lock of a frozen process is free when it dies"
    ),
]

# As an erasure would: whatever is known of anybody.
FORGET = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "TRUNCATE identity_graphtouchpoint, identity_graphcarries, identity_graphidentifier, identity_graphlink,"
        " identity_identifier, identity_profile, identity_contactcount CASCADE"
    )
"""
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


def forget(home: Installation) -> None:
    home.shell(FORGET)
    if STORES == "neo4j":
        served(home).cypher("MATCH (n:Touchpoint|Identifier|Profile) DETACH DELETE n")


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
    home.post(key, *events("late"))
    home.wait_for(lambda: frozen(first.pid), "the first lane to freeze")

    home.wait_for(lambda: home.lane() == second.pid, "the second lane")
    home.wait_for(lambda: home.position() >= PEOPLE, "what the first had in hand")
    assert books(home) == [PEOPLE, PEOPLE, before + 1]
    both = 2 * PEOPLE  # each has a browser
    carried = (
        both if STORES == "neo4j" else PEOPLE
    )  # in a table, the owner is in the touchpoint's row
    assert known(home) == [both, PEOPLE, PEOPLE, PEOPLE, carried, both, PEOPLE]
    forget(home)
    os.kill(first.pid, signal.SIGCONT)
    first.wait(60)
    assert known(home) == [0] * 7
    home.post(key, *events("later"))
    home.wait_for(lambda: home.position() >= 2 * PEOPLE, "the second lane to go on")
    assert books(home) == [PEOPLE, PEOPLE, before + 1]
