"""Lanes are killed before a crowd's turn, in it between the two stores, and while its touchpoints are put off."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, installation

pytestmark = [pytest.mark.process, pytest.mark.stores, pytest.mark.timeout(400)]
LINKS, MORE = 20, 30
CROWDS = "SELECT count(*) FROM identity_crowd"
WAITING = "SELECT count(*) FROM identity_setaside WHERE state = 'waiting'"
COUNTED = "SELECT COALESCE(sum(count), 0) FROM identity_contactcount WHERE event = 'Seen'"
PROFILES = "SELECT count(DISTINCT profile_id) FROM identity_identifier"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, STAGE_FILE=str(tmp_path / "stage"), CROWD_LINKS="10") as made:
        made.set_up()
        yield made


def seen(browser: int, device: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Seen",
        "messageId": device,
        "anonymousId": f"shared-{browser}",
        "context": {"device": {"id": device}},
    }


def test_what_waits_for_a_turn_survives_and_counts_once(home: Installation) -> None:
    key = home.write_key()
    home.start("worker", "--role", "collector")
    home.wait_for(lambda: home.answers(home.collector), "the collector")
    working = home.start_lane()
    home.post(key, *(seen(0, f"d{number}") for number in range(LINKS)))
    home.wait_for(lambda: home.ask(CROWDS) == 1, "a crowd")

    home.pause_at("0 turn")
    home.post(key, *(seen(0, f"m{number}") for number in range(MORE)))
    home.kill_paused(working)
    assert (home.position(), home.ask(WAITING)) == (LINKS + MORE, MORE)

    home.pause_at("2 resolve")
    home.kill_paused(home.start_lane())
    assert (home.ask(WAITING), home.ask(COUNTED)) == (MORE, LINKS)

    working = home.start_lane()
    home.wait_for(lambda: home.ask(WAITING) == 0, "the crowd's turn")
    home.pause_at("2 resolve")
    home.post(key, *(seen(0, f"n{number}") for number in range(MORE)))
    home.kill_paused(working)
    assert (home.position(), home.ask(WAITING)) == (LINKS + MORE, 0)

    home.start_lane()
    everybody = LINKS + 2 * MORE
    home.wait_for(lambda: home.position() == everybody and not home.ask(WAITING), "the last turn")
    assert (home.ask(COUNTED), home.ask(PROFILES)) == (everybody, 1)
    assert "is as the evidence says" in home.manage("rebuild_graph", "--check").stdout
