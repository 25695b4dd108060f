"""An embedded installation with everything in it, and a PostgreSQL for it to move to."""

import itertools
import json
import os
import shutil

import pytest

from tests.installation import installation_at
from tests.places import Files
from tests.servers.postgres import Postgres
from tests.servers.program import Missing

CONTENT = "from tests.dmp_site.moving.content import Mode, receive, state; "
_names = (f"moved_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def server():
    """Start a PostgreSQL of our own."""
    try:
        made = Postgres()
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"for want of {missing}")
    made.start()
    yield made
    made.remove()


@pytest.fixture
def database(server):
    """Return the address of a new database."""
    name = next(_names)
    server.run(f"CREATE DATABASE {name}")
    return server.url(name)


def state(site):
    return json.loads(site.shell(CONTENT + "state()"))


def receive(site, count, seed, mode="LIVE"):
    return int(site.shell(CONTENT + f"print(receive({count}, seed={seed}, mode=Mode.{mode}))"))


def work_off(site):
    """Let a lane take all that waits; return the state then."""
    lane = site.start("worker", "--role", "lane")

    def idle():
        found = state(site)
        return found if found["waiting"] == [0, 0] else None

    found = site.wait_for(idle, "the lane to finish")
    lane.terminate()
    lane.wait(30)
    return found


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Make an installation whose lane did 300 touchpoints and whose inbox holds more of both modes."""
    place = tmp_path_factory.mktemp("embedded")
    with installation_at(Files(place / "site"), place / "site") as site:
        site.directory.mkdir()
        site.set_up()
        site.shell("from tests.crash.books import set_up; set_up()")
        site.shell("from tests.dmp_site.moving.content import oddities; oddities()")
        receive(site, 300, seed=1)
        work_off(site)
        receive(site, 60, seed=2)
        receive(site, 40, seed=3, mode="HISTORY")
    return place / "site"


@pytest.fixture
def site(made, tmp_path):
    shutil.copytree(made, tmp_path / "site")
    with installation_at(Files(tmp_path / "site"), tmp_path / "site") as site:
        yield site
