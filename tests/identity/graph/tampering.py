"""Changing what a graph store holds behind the product's back."""

from identity.graph.models import GraphIdentifier, GraphLink
from identity.touchpoints.types import Identifier
from tests.environment import STORES
from tests.stores import cypher

_PAIR = (
    "MATCH (:Identifier {key: $a})-[r:LINKED|GROUPED]->(:Identifier {key: $b}) WHERE r.source > 0"
)


def lose_link(a: Identifier, b: Identifier) -> None:
    """Delete what all sources say about a pair, `a` < `b`."""
    if STORES == "neo4j":
        cypher(f"{_PAIR} DELETE r", a=a.key, b=b.key)
    else:
        _links(a, b).delete()


def change_link(a: Identifier, b: Identifier, **values: object) -> None:
    """Write other values into the links of a pair."""
    if STORES == "neo4j":
        cypher(f"{_PAIR} SET r += $values", a=a.key, b=b.key, values=values)
    else:
        _links(a, b).update(**values)


def make_link(a: Identifier, b: Identifier, *, source: int) -> None:
    """Make a link that no touchpoint speaks for."""
    if STORES == "neo4j":
        cypher(
            "MATCH (a:Identifier {key: $a}), (b:Identifier {key: $b})"
            " CREATE (a)-[:LINKED {key: 'made', source: $source, first_seen: 1, last_seen: 1, count: 1,"
            " same: false, strength: 1.0, first_number: 1}]->(b)",
            a=a.key,
            b=b.key,
            source=source,
        )
    else:
        GraphLink.objects.create(
            a=_row(a), b=_row(b), source=source, first_seen=1, last_seen=1, count=1, first_number=1
        )


def change_node(identifier: Identifier, **values: object) -> None:
    """Write other values into the row of an identifier."""
    if STORES == "neo4j":
        cypher(
            "MATCH (i:Identifier {key: $key}) SET i += $values", key=identifier.key, values=values
        )
    else:
        GraphIdentifier.objects.filter(key=identifier.key).update(**values)


def lose_node(identifier: Identifier) -> None:
    """Delete an identifier, with all that hangs on it."""
    if STORES == "neo4j":
        cypher("MATCH (i:Identifier {key: $key}) DETACH DELETE i", key=identifier.key)
    else:
        GraphIdentifier.objects.filter(key=identifier.key).delete()


def _links(a: Identifier, b: Identifier):
    return GraphLink.objects.filter(a=_row(a), b=_row(b), source__gt=0)


def _row(identifier: Identifier) -> int:
    return GraphIdentifier.objects.get(key=identifier.key).pk
