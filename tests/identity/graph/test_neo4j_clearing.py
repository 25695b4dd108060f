"""Emptying a Neo4j of what is ours, a bounded piece in each transaction, whatever hangs on one identifier."""

import pytest

from tests.environment import STORES
from tests.stores import cypher

if STORES != "neo4j":
    pytest.skip("needs STORES=neo4j", allow_module_level=True)

from identity.graph.neo4j_contents import Neo4jContents

pytestmark = [pytest.mark.django_db, pytest.mark.stores]
SLICE = 10_000
CROWD = """
CREATE (hub:Identifier {key: 'user_id:hub'})
WITH hub UNWIND range(1, 15000) AS number
CREATE (t:Touchpoint {id: toString(number), number: number})-[:CARRIES]->(hub)
CREATE (hub)-[:LINKED {key: toString(number)}]->(:Identifier {key: 'cookie:' + number})
"""


class Counting:
    """The store's transactions; `deleted`: how many nodes and relationships each of those that write took away."""

    def __init__(self, store):
        self._store = store
        self.deleted = []

    def prepare(self):
        self._store.prepare()

    def read(self, work):
        return self._store.read(work)

    def write(self, work):
        before = counted()
        done = self._store.write(work)
        self.deleted.append([was - left for was, left in zip(before, counted(), strict=True)])
        return done


def counted():
    [found] = cypher("RETURN COUNT { () }, COUNT { ()-->() }")
    return found.values()


def test_a_crowd_around_one_identifier_goes_in_slices(graph_store):
    cypher(CROWD)
    cypher("CREATE (:Person)-[:LINKED]->(:Person)")
    store = Counting(graph_store)
    Neo4jContents(store).clear()
    assert counted() == [2, 1]
    nodes, relationships = zip(*store.deleted, strict=True)
    assert (sum(nodes), sum(relationships)) == (30_003, 30_000)
    assert max(nodes) <= SLICE
    assert max(relationships) <= SLICE
