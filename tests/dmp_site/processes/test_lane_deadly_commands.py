"""Commands that kill the process: found, tried a few times, refused. Never for ever."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dmp_site import pipeline
from dmp_site.console import checks
from identity.graph.port import StoreAway
from identity.models import LaneCommand
from identity.touchpoints import commands
from tests.dmp_site.processes.faults import Killed, deaths
from tests.installation import Installation, installation
from tests.road import Road

Deadly = Callable[[BaseException | None], None]

ASK = """
from identity.clock import now
from identity.touchpoints import commands
commands.enqueue("consent.set", {}, "user:1", now())
commands.enqueue("make.coffee", {}, "user:1", now())
"""
BEHIND = "SELECT done_at FROM identity_lanecommand WHERE kind = 'make.coffee'"


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> Deadly:
    """Return a function that gives the lane a kind of command, "deadly", which raises this; None: it does nothing."""

    def set_to(error: BaseException | None) -> None:
        def execute(_payload: object, _context: object) -> None:
            if error:
                raise error

        monkeypatch.setattr(pipeline, "EXECUTORS", {"deadly": execute})

    return set_to


def ask(road: Road, kind: str = "deadly") -> LaneCommand:
    return LaneCommand.objects.get(pk=commands.enqueue(kind, {}, "user:1", road.now))


def test_a_command_that_kills_the_lane_is_refused_as_broken(road: Road, deadly: Deadly) -> None:
    deadly(Killed())
    command, behind = ask(road), ask(road, "make.coffee")
    assert deaths(road) == commands.TRIES
    command.refresh_from_db()
    behind.refresh_from_db()
    assert command.done_at
    assert command.broke
    assert "died" in command.error
    assert "no command" in behind.error
    assert checks.broken(road.now).level == checks.Level.NOTICE


def test_a_command_in_which_a_lane_died_by_chance_is_done_by_the_next(
    road: Road, deadly: Deadly
) -> None:
    deadly(Killed())
    command = ask(road)
    with pytest.raises(Killed):
        road.run()
    deadly(None)
    road.loop = road.new_lane()
    road.run()
    command.refresh_from_db()
    assert command.done_at
    assert not command.error


def test_an_outage_is_no_try_of_the_command_that_met_it(road: Road, deadly: Deadly) -> None:
    deadly(Killed())
    command = ask(road)
    with pytest.raises(Killed):
        road.run()
    road.loop = road.new_lane()
    deadly(StoreAway("the store does not answer"))
    for _ in range(5):
        with pytest.raises(StoreAway):
            road.run()
    road.loop = road.new_lane()  # ended in good order while the store was away
    deadly(None)
    road.run()
    command.refresh_from_db()
    assert command.done_at
    assert not command.error


def test_a_command_that_nobody_suspects_costs_no_write_of_its_tries(
    road: Road, deadly: Deadly
) -> None:
    deadly(None)
    command = ask(road)
    with CaptureQueriesContext(connection) as queries:
        road.run()
    writes = [each["sql"] for each in queries if "identity_lanecommand" in each["sql"]]
    assert sum(sql.startswith("UPDATE") for sql in writes) == 1
    command.refresh_from_db()
    assert not command.tries


# --- With a real process ---


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, STAGE_FILE=str(tmp_path / "stage")) as made:
        yield made


def die_in_a_command(home: Installation) -> None:
    pause = home.pause_at("command")
    lane = home.start("worker", "--role", "lane")
    home.wait_for(lambda: not pause.exists(), "the lane to stop inside the command")
    lane.kill()
    lane.wait()


@pytest.mark.process
@pytest.mark.stores
def test_a_lane_killed_in_the_same_command_each_time_refuses_it_and_goes_on(
    home: Installation,
) -> None:
    home.set_up()
    home.shell(ASK)
    for _ in range(commands.TRIES):
        die_in_a_command(home)
    home.start("worker", "--role", "lane")
    home.wait_for(lambda: home.ask(BEHIND), "the command behind it")
    assert "died" in home.ask("SELECT error FROM identity_lanecommand WHERE broke")
