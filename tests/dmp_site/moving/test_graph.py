"""The graph of an installation moves to Neo4j and back, whole, in one go or after being killed on the way."""

import os

import pytest

from tests.dmp_site.moving.conftest import receive, state, work_off
from tests.environment import STORES
from tests.stores import clear_graph, cypher

pytestmark = [
    pytest.mark.process,
    pytest.mark.stores,
    pytest.mark.timeout(600),
    pytest.mark.skipif(STORES != "neo4j", reason="moves to the Neo4j that STORES=neo4j starts"),
]

KILLED = """
import os, signal
from dmp_site.moving import graph
graph.PAGE = 20
def progress(what, count):
    if what == {what!r} and count >= 40:
        os.kill(os.getpid(), signal.SIGKILL)
graph.move(progress, 1)
"""
IN_TABLES = """
from identity.graph.models import *
print(*(one.objects.count() for one in (GraphMark, GraphTouchpoint, GraphIdentifier, GraphCarries, GraphLink)))
"""


@pytest.fixture
def served(site, database):
    """Move an installation to PostgreSQL; Neo4j is empty beside it."""
    clear_graph()
    site.manage("move_store", "database", FILROUGE_MOVE_DATABASE_URL=database)
    site.environment["FILROUGE_DATABASE_URL"] = database
    site.environment["FILROUGE_MOVE_GRAPH_URL"] = os.environ["TESTS_NEO4J_URL"]
    yield site
    clear_graph()


def digest(site):
    return site.manage("rebuild_graph", "--digest").stdout


def killed(site, what):
    assert site.manage("shell", "-c", KILLED.format(what=what), check=False).returncode < 0
    assert "is moving to" in site.manage("worker", "--role", "lane", check=False).stderr


def test_there_and_back_again(served):
    before, adding_up = state(served), digest(served)
    for part in ("identifiers", "touchpoints", "links"):
        killed(served, part)
    assert "FILROUGE_GRAPH_URL" in served.manage("move_store", "graph").stdout
    assert served.shell(IN_TABLES).split() == ["0"] * 5
    assert "was never made" in served.manage("worker", "--role", "lane", check=False).stderr

    served.environment["FILROUGE_GRAPH_URL"] = served.environment["FILROUGE_MOVE_GRAPH_URL"]
    moved = state(served)
    assert moved.pop("unshown") == before["identifiers"]
    assert moved == {key: value for key, value in before.items() if key != "unshown"}
    assert digest(served) == adding_up
    there = work_off(served)
    assert there["unshown"] < there["identifiers"]  # the lane has begun to show them
    assert there["touchpoints"] == before["touchpoints"] + 100
    assert receive(served, 5, seed=4) == max(there["positions"]) + 6
    there = work_off(served)
    assert served.shell(IN_TABLES).split() == ["0"] * 5
    adding_up = digest(served)
    cypher("MATCH (i:Identifier) WITH i LIMIT 50 CREATE (:Person)-[:KNOWS]->(i)")

    killed(served, "touchpoints")
    assert "stays" in served.manage("move_store", "graph", "--give-up").stdout
    refused = served.manage("move_store", "graph", check=False).stderr
    assert (
        "not empty: it holds identity_graphcarries, identity_graphidentifier, identity_graphtouchpoint"
        in refused
    )
    assert "TRUNCATE identity_graphcarries" in refused
    served.shell("from identity.graph.sql_contents import SqlContents; SqlContents().clear()")
    assert "Take away" in served.manage("move_store", "graph").stdout
    del served.environment["FILROUGE_GRAPH_URL"]
    [[left]] = cypher("MATCH (n) RETURN collect(DISTINCT labels(n)) + [[toString(count(n))]]")
    assert left == [["Person"], ["50"]]
    assert state(served) == there | {"unshown": 0}
    assert digest(served) == adding_up
    receive(served, 5, seed=5)
    assert work_off(served)["touchpoints"] == there["touchpoints"] + 5
    served.manage("rebuild_graph", "--check")


THEIRS = {
    "(:Person)": "CREATE (:Person {name: 'bob'})",
    "(:Scratch)": "CREATE (:Scratch)",
    "(:Graph), (:Lane)": "CREATE (:Graph {id: 1, uuid: randomUUID()}), (:Lane {id: 1, epoch: 7})",
    "()": "CREATE ()",
}


def test_a_graph_that_holds_anything_is_left_alone(served):
    before = state(served)
    for what, made in THEIRS.items():
        cypher(made)
        refused = served.manage("move_store", "graph", check=False)
        assert f"is not empty: it holds {what}" in refused.stderr
        assert "MATCH (n) DETACH DELETE n" in refused.stderr
        [[nodes]] = cypher("MATCH (n) RETURN count(n)")
        assert nodes == len(made.split("), ("))
        clear_graph()
    assert state(served) == before


# The connection dies at the statement after the one that made the table.
DYING = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
CREATE FUNCTION lay() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_regclass('filrouge_move') IS NOT NULL THEN
    CREATE TRIGGER dying BEFORE INSERT ON filrouge_move FOR EACH ROW WHEN (NEW.step = 'mark') EXECUTE FUNCTION die();
  END IF;
END $$;
CREATE EVENT TRIGGER laying ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION lay();
"""


def test_a_move_whose_beginning_is_cut_in_two_has_not_begun(served, server, database):
    before, name = state(served), database.rpartition("/")[2]
    server.run(DYING, name)
    assert served.manage("move_store", "graph", check=False).returncode
    assert served.shell(BEGUN).split() == ["False", "None"]
    served.shell(
        "from django.db import connection; connection.cursor().execute('DROP EVENT TRIGGER laying')"
    )
    assert state(served) == before
    assert "FILROUGE_GRAPH_URL" in served.manage("move_store", "graph").stdout


BEGUN = """
from dmp_site.moving import checkpoints
from identity.touchpoints import installation
print(checkpoints.unfinished(), installation.moving() or None)
"""
