"""An identity policy is brought to everybody by lanes that are killed in the middle of it, one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation, installation

pytestmark = [pytest.mark.process, pytest.mark.stores, pytest.mark.timeout(400)]
PEOPLE, KILLS = 200, 2
APPLY = """
from identity.clock import now
from identity.graph import documents
from identity.graph.policy import DEFAULT
from identity.profiles.policies import services
document = documents.write(DEFAULT)
document["namespaces"]["loyalty_id"]["max"] = 1
services.change(document, now(), actor="tests")
services.apply(now(), actor="tests")
"""
LEFT = "SELECT count(*) FROM identity_identitypolicy WHERE settled_at IS NULL"
PROFILES = "SELECT count(DISTINCT profile_id) FROM identity_identifier"
VERSIONS = "SELECT min(policy) FROM identity_identifier"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, STAGE_FILE=str(tmp_path / "stage")) as made:
        made.set_up()
        yield made


def two_cards_each() -> Iterator[dict]:
    for number in range(PEOPLE):
        for card in ("a", "b"):
            yield {
                "type": "track",
                "event": "Seen",
                "messageId": f"{number}-{card}",
                "anonymousId": f"v{number}",
                "context": {"externalIds": [{"type": "loyalty_id", "id": f"{card}{number}"}]},
            }


def test_a_policy_reaches_everybody_though_lanes_are_killed(home: Installation) -> None:
    key = home.write_key()
    home.start("worker", "--role", "collector")
    home.wait_for(lambda: home.answers(home.collector), "the collector")
    working = home.start_lane()
    home.post(key, *two_cards_each())
    home.wait_for(lambda: home.position() >= 2 * PEOPLE, "the touchpoints")
    assert home.ask(PROFILES) == PEOPLE
    home.pause_at("settle")
    home.shell(APPLY)
    for kill in range(KILLS):
        home.kill_paused(working)
        assert home.ask(LEFT) == 1
        if kill < KILLS - 1:
            home.pause_at("settle")
        working = home.start_lane()
    home.wait_for(lambda: home.ask(LEFT) == 0, "all to be brought to the policy")
    assert (home.ask(PROFILES), home.ask(VERSIONS)) == (2 * PEOPLE, 2)
    assert "is as the evidence says" in home.manage("rebuild_graph", "--check").stdout
