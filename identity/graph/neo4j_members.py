"""Who belongs to which profile, shown in Neo4j for people who look into it. The Django database decides; nothing here reads it back."""

from collections.abc import Mapping

from identity.graph.neo4j_asking import Ask

_LEAVE = """
UNWIND $keys AS key MATCH (:Identifier {key: key})-[r:MEMBER_OF]->(p:Profile)
WITH r, p.id AS id DELETE r
RETURN collect(DISTINCT id)
"""
_JOIN = """
UNWIND $rows AS row
MATCH (i:Identifier {key: row[0]})
MERGE (p:Profile {id: row[1]})
CREATE (i)-[:MEMBER_OF]->(p)
"""
_EMPTY = "UNWIND $ids AS id MATCH (p:Profile {id: id}) WHERE NOT EXISTS { (p)<-[:MEMBER_OF]-() } DELETE p"


def show(ask: Ask, members: Mapping[str, str]) -> None:
    """Bring the identifiers of these keys to the profiles of these ids; a profile that is left empty goes."""
    [left] = ask(_LEAVE, keys=sorted(members))
    ask(_JOIN, rows=[list(each) for each in sorted(members.items())])
    ask(_EMPTY, ids=left)
