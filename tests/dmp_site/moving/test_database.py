"""An embedded installation moves to PostgreSQL whole, in one go or after being killed on the way, and goes on there."""

import fcntl

import pytest

from tests.dmp_site.moving.conftest import receive, state, work_off

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]


def move(site, database, **options):
    return site.manage("move_store", "database", FILROUGE_MOVE_DATABASE_URL=database, **options)


def digest(site):
    return site.manage("rebuild_graph", "--digest").stdout


def settle_on(site, database):
    """Let the installation use what it moved to."""
    site.environment["FILROUGE_DATABASE_URL"] = database


def test_everything_moves_and_goes_on(site, database):
    before, adding_up = state(site), digest(site)
    assert before["waiting"] == [61, 41]
    assert before["aside"]
    assert before["deliveries"]
    assert before["enrolments"]
    said = move(site, database)
    assert "FILROUGE_DATABASE_URL" in said.stdout
    assert "identity_graphtouchpoint: " in said.stderr
    refused = site.manage("worker", "--role", "lane", check=False)
    assert refused.returncode == 1
    assert "move_store" in refused.stderr
    assert "has moved" in move(site, database, check=False).stderr

    settle_on(site, database)
    assert site.set_up() == ""
    assert state(site) == before
    assert digest(site) == adding_up
    after = work_off(site)
    # The rows that cannot be read are set aside, each once.
    assert after["touchpoints"] == before["touchpoints"] + 100
    assert len(after["aside"]) == len(before["aside"]) + 2
    assert receive(site, 5, seed=4) == max(after["positions"]) + 6
    assert after["delivery_after"] > before["delivery_after"]
    again = work_off(site)
    assert again["touchpoints"] == after["touchpoints"] + 5
    site.manage("rebuild_graph", "--check")


KILLED = """
import os, signal
from dmp_site.moving import database, tables
tables.BLOCK = 40
def progress(what, count):
    print(what, count, flush=True)
    if what == {what!r} and count >= {count}:
        os.kill(os.getpid(), signal.SIGKILL)
database.move(progress, 1)
"""


def test_a_move_that_is_killed_goes_on(site, database):
    before, adding_up = state(site), digest(site)
    for what, count in (
        ("identity_graphtouchpoint", 120),
        ("activation_delivery", 1),
        ("inbox", 1),
    ):
        code = KILLED.format(what=what, count=count)
        killed = site.manage("shell", "-c", code, check=False, FILROUGE_MOVE_DATABASE_URL=database)
        assert killed.returncode < 0, killed.stderr
    assert "is moving to" in site.manage("up", check=False).stderr
    for where in ({}, {"FILROUGE_DATABASE_URL": database}):
        told = site.manage("doctor", check=False, **where)
        assert "1 faults: move" in told.stderr
        assert "manage.py move_store database" in told.stdout
    unfinished = site.manage("setup", check=False, FILROUGE_DATABASE_URL=database)
    assert "not finished" in unfinished.stderr
    move(site, database)
    settle_on(site, database)
    assert state(site) == before
    assert digest(site) == adding_up
    assert work_off(site)["touchpoints"] == before["touchpoints"] + 100


ALTERED = """
import psycopg
from dmp_site.moving import database
def progress(what, count):
    if what == {table!r}:
        with psycopg.connect({url!r}) as other:
            other.execute({sql!r})
database.move(progress, 1)
"""
ALTERATIONS = {
    "a value": (
        "activation_delivery",
        "UPDATE activation_delivery SET channel = 'sms' WHERE id = 1",
    ),
    "a value of JSON": (
        "identity_source",
        "UPDATE identity_source SET settings = jsonb_set(settings, '{b,0}', '2')",
    ),
    "the moment of a login": (
        "auth_user",
        "UPDATE auth_user SET date_joined = date_joined + interval '1 microsecond'",
    ),
}


def test_a_copy_that_differs_is_refused_by_the_name_of_its_table(site, server, database):
    """As many rows as before, and the graph and the profiles are the same: only what they say tells."""
    before = state(site)
    name = database.rpartition("/")[2]
    for table, sql in ALTERATIONS.values():
        code = ALTERED.format(table=table, url=database, sql=sql)
        refused = site.manage(
            "shell", "-c", code, check=False, FILROUGE_MOVE_DATABASE_URL=database
        )
        assert f"DomainError: {table} and its copy" in refused.stderr
        assert "the new database" in refused.stderr
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
        server.run(f"CREATE DATABASE {name}")
    move(site, database)
    settle_on(site, database)
    assert state(site) == before


CUT_OFF = """
import psycopg
from dmp_site.moving import database
def progress(what, count):
    if what == "identity_source":
        with psycopg.connect({url!r}) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'filrouge move'")
database.move(progress, 1)
"""


def test_a_move_that_loses_its_connection_says_that_it_goes_on(site, database):
    before = state(site)
    code = CUT_OFF.format(url=database)
    told = site.manage("shell", "-c", code, check=False, FILROUGE_MOVE_DATABASE_URL=database)
    assert "DomainError: PostgreSQL, or the file that is moved, failed or went away" in told.stderr
    assert "call it again: it goes on" in told.stderr
    move(site, database)
    settle_on(site, database)
    assert state(site) == before


def test_what_cannot_be_right_is_refused(site, server, database):
    server.run("CREATE TABLE theirs (id int)", database.rpartition("/")[2])
    assert "not empty" in move(site, database, check=False).stderr
    assert "FILROUGE_MOVE_DATABASE_URL" in move(site, "", check=False).stderr
    away = f"postgresql://filrouge:secret@127.0.0.1:1/{database.rpartition('/')[2]}"
    refused = move(site, away, check=False).stderr
    assert "does not answer" in refused
    assert "secret" not in refused
    with (site.directory / "running.lock").open("a") as running:
        fcntl.flock(running, fcntl.LOCK_SH)  # as each process of the product does
        assert "stop `manage.py up`" in move(site, database, check=False).stderr


def test_a_move_that_is_given_up_leaves_all_as_it_was(site, database):
    before = state(site)
    site.manage(
        "shell",
        "-c",
        KILLED.format(what="identity_identifier", count=1),
        check=False,
        FILROUGE_MOVE_DATABASE_URL=database,
    )
    assert "stays" in site.manage("move_store", "database", "--give-up").stdout
    assert state(site) == before
    assert work_off(site)["touchpoints"] == before["touchpoints"] + 100


SET_ASIDE = """
from identity.touchpoints.models import SetAside
SetAside.objects.create(number=10**6, source=1, mode="live", received_at=1, payload=b"", state="aside", changed_at=1)
"""


def test_new_numbers_begin_above_every_number_that_is_stored(site, database):
    """A row that was set aside may have the highest: it is taken again under its own."""
    before = state(site)
    site.shell(SET_ASIDE)
    move(site, database)
    settle_on(site, database)
    assert receive(site, 5, seed=4) == 10**6 + 6
    after = work_off(site)
    assert after["touchpoints"] == before["touchpoints"] + 105
    assert max(after["positions"]) == 10**6 + 6
