"""A worker that cannot work says what to do, in one line, and ends with status 1."""

import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.environment import STORES
from tests.installation import Installation, installation
from tests.places import Served

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

ROLES = ["collector", "lane", "send", "all", "jobs", "console"]
# Each command in a process of its own would cost seconds: what is asked here is refused before anything starts.
REFUSED = """
from django.core.management import CommandError, call_command
from django.db import connections
def refused(*arguments):
    connections.close_all()
    try:
        call_command(*arguments)
    except CommandError as error:
        return str(error)
    raise AssertionError(arguments)
"""
NO_TABLES = (
    REFUSED
    + f"""
for role in {ROLES}:
    assert "run `manage.py setup`" in refused("worker", "--role", role), role
"""
)
DAMAGED = (
    REFUSED
    + f"""
from django.conf import settings
from identity.privacy.keys import make_keys
keys, folder = settings.KEYS_FILE, settings.DATA_DIR
kept = keys.read_bytes()
commands = [("worker", "--role", role) for role in {ROLES}] + [("up",)]
keys.write_bytes(kept[:20])
for command in commands:
    assert "from its backup" in refused(*command), command
keys.unlink()
for command in commands:
    assert "restore the key file" in refused(*command), command
make_keys(keys)
for command in commands:
    assert "is not this installation's" in refused(*command), command
keys.write_bytes(kept)

(folder / "inbox.sqlite3").write_bytes(b"no inbox any more" * 1000)
for command in [("worker", "--role", "lane"), ("worker", "--role", "collector"), ("up",)]:
    assert "cannot be read as an inbox" in refused(*command), command
connections.close_all()
(folder / "filrouge.sqlite3").write_bytes(b"no database any more" * 1000)
for command in commands:
    assert "manage.py doctor" in refused(*command), command
"""
)
# As after a restore of the inbox alone: the lane was further than this inbox ever came.
REPLACED = (
    REFUSED
    + """
from identity.touchpoints.models import Lane
Lane.objects.update_or_create(pk=1, defaults={"live_position": 500})
for command in [("worker", "--role", "lane"), ("worker", "--role", "all"), ("worker", "--role", "collector"), ("up",)]:
    assert "it is an older or emptied copy" in refused(*command), command
"""
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def refused(site: Installation, *arguments: str, **environment: str) -> str:
    result = site.manage(*arguments, check=False, timeout=120, **environment)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


def test_every_role_names_what_is_missing_or_damaged(site: Installation) -> None:
    site.shell(NO_TABLES)
    site.set_up()
    site.shell(DAMAGED)
    said = site.manage("doctor", check=False)
    assert said.returncode == 1
    assert "FAULT  database: DatabaseError: file is not a database" in said.stdout
    assert "mend: manage.py restore DIRECTORY" in said.stdout
    assert "Traceback" not in said.stderr


@pytest.mark.stores
def test_an_older_or_emptied_inbox_is_refused_by_all_that_touch_it(site: Installation) -> None:
    """What came next would get numbers that were processed already, and be skipped."""
    site.set_up()
    site.shell(REPLACED)


@pytest.mark.stores
def test_a_second_collector_and_a_taken_port_are_refused(site: Installation) -> None:
    site.set_up()
    with socket.create_server(("127.0.0.1", int(site.collector.rpartition(":")[2]))):
        said = refused(site, "worker", "--role", "collector")
    assert "end what listens there" in said
    assert site.collector.rpartition(":")[2] in said
    site.start("worker", "--role", "collector")
    site.wait_for(lambda: site.answers(site.collector), "the collector")
    free = {
        "FILROUGE_COLLECTOR_BIND": "127.0.0.1:0",
        "FILROUGE_COLLECTOR_INNER_BIND": "127.0.0.1:0",
    }
    assert "one collector per inbox" in refused(site, "worker", "--role", "collector", **free)


@pytest.mark.stores
@pytest.mark.kills
@pytest.mark.skipif(STORES != "neo4j", reason="elsewhere the graph is in the database itself")
def test_a_lane_refuses_an_empty_graph_and_another_installations(site: Installation) -> None:
    site.set_up()
    assert isinstance(site.place, Served)
    [ours] = site.place.cypher("MATCH (g:Graph) RETURN g.uuid")
    site.place.cypher("MATCH (n) DETACH DELETE n")
    said = refused(site, "worker", "--role", "lane")
    assert "was emptied" in said
    for command in ("setup_graph", "setup"):  # a new uuid would make it another's
        said = refused(site, command)
        assert "restore all from one backup" in said
    assert site.place.cypher("MATCH (n) RETURN count(n)") == [0]
    theirs = str(uuid4())
    site.place.cypher(f"CREATE (:Graph {{id: 1, uuid: '{theirs}'}})")
    assert f"the graph store {theirs} is not" in refused(site, "setup_graph")
    said = refused(site, "worker", "--role", "lane")
    assert f"the graph store {theirs} is not this installation's ({ours})" in said
    assert site.place.cypher("MATCH (n) WHERE NOT n:Graph RETURN count(n)") == [0]
