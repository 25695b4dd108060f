"""`up` as people meet it: interrupted early, killed without warning, with its database away for a while."""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dmp_site.processes.supervisor import STOP_WITHIN
from tests.installation import Installation, installation

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]

ROLES = {"collector", "lane", "send", "jobs", "console"}


class Shop:
    """An installation that runs, and what was posted to it."""

    def __init__(self, site: Installation, up: subprocess.Popen[bytes]) -> None:
        self.site, self.up, self.posted = site, up, 0
        self._key = site.write_key()

    def post(self) -> None:
        self.site.post(self._key, {"type": "track", "event": "Viewed", "userId": "alice"})
        self.posted += 1

    def wait_for_a_task(self) -> None:
        """Wait until the task cluster has worked once more."""
        sql = "SELECT beaten_at FROM dmp_site_jobsheartbeat"
        before = self.site.ask(sql)
        self.site.wait_for(lambda: self.site.ask(sql) not in {None, before}, "a task")

    def stored(self) -> object:
        return self.site.place.touchpoints()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def there_is_a_table(site: Installation) -> bool:
    try:
        site.ask("SELECT count(*) FROM django_migrations")
    except (sqlite3.Error, psycopg.Error):
        return False
    return True


@pytest.mark.stores
def test_ctrl_c_ends_it_quietly_at_any_moment(site: Installation) -> None:
    log = site.directory / "up.log"
    moments = {
        "the keys": (site.directory / "keys.json").exists,
        "the tables": lambda: there_is_a_table(site),
        "the children": lambda: "console started" in log.read_text(),
    }
    for what, has_come in moments.items():
        process = site.start("up")
        site.wait_for(has_come, what)
        process.send_signal(signal.SIGINT)
        # What was there already comes so early that Python has not taken the signal over: to a shell that is 130 too.
        assert process.wait(STOP_WITHIN + 20) in {0, 130, -signal.SIGINT}, log.read_text()
        assert "Traceback" not in log.read_text()
        assert not site.everybody()
    site.set_up()  # finishes what was cut short
    assert site.set_up() == ""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with installation(tmp_path_factory.mktemp("shop")) as site:
        yield Shop(site, site.up())


@pytest.mark.stores
def test_a_supervisor_that_dies_takes_everything_along_and_the_next_one_starts(shop: Shop) -> None:
    site = shop.site
    for _ in range(3):
        site.wait_for(lambda: set(site.workers()) == ROLES, "all five")
        shop.wait_for_a_task()
        shop.post()
        shop.up.kill()
        shop.up.wait()
        site.wait_for(lambda: not site.everybody(), "the children's end within 5 s", seconds=5)
        shop.up = site.up()
    site.wait_for(lambda: shop.stored() == shop.posted, "the touchpoints")


def test_an_outage_of_the_database_ends_no_supervisor(shop: Shop) -> None:
    site = shop.site
    site.wait_for(lambda: set(site.workers()) == ROLES, "all five")
    database, aside = site.directory / "filrouge.sqlite3", site.directory / "away.sqlite3"
    database.rename(aside)
    database.mkdir()  # "unable to open database file"
    said = site.manage("doctor", check=False)  # takes longer than the supervisor's looks are apart
    database.rmdir()
    aside.rename(database)
    assert said.returncode == 1
    assert "FAULT  database: OperationalError: unable to open" in said.stdout
    assert shop.up.poll() is None
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    shop.post()
    site.wait_for(lambda: shop.stored() == shop.posted, "the touchpoints")
    assert shop.up.poll() is None
