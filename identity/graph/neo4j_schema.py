"""Constraints and indexes of the graph store on Neo4j. Without them every statement would scan the whole graph."""

CONSTRAINTS = {
    "identifier_key": "FOR (i:Identifier) REQUIRE i.key IS UNIQUE",
    "touchpoint_id": "FOR (t:Touchpoint) REQUIRE t.id IS UNIQUE",
    "touchpoint_number": "FOR (t:Touchpoint) REQUIRE t.number IS UNIQUE",
    "profile_id": "FOR (p:Profile) REQUIRE p.id IS UNIQUE",
    "lane_id": "FOR (l:Lane) REQUIRE l.id IS UNIQUE",
    "linked_key": "FOR ()-[r:LINKED]-() REQUIRE r.key IS UNIQUE",
    "grouped_key": "FOR ()-[r:GROUPED]-() REQUIRE r.key IS UNIQUE",
}
INDEXES = {
    "touchpoint_timeline": "FOR (t:Touchpoint) ON (t.owner, t.at, t.id)",
    "touchpoint_unowned": "FOR (t:Unowned) ON (t.source, t.number)",
}
SHOW = "SHOW CONSTRAINTS YIELD name RETURN collect(name)"


def statements() -> list[str]:
    """Return what makes them, unless they are there; the last one waits until they are usable."""
    return [
        *(f"CREATE CONSTRAINT {name} IF NOT EXISTS {rest}" for name, rest in CONSTRAINTS.items()),
        *(f"CREATE INDEX {name} IF NOT EXISTS {rest}" for name, rest in INDEXES.items()),
        "CALL db.awaitIndexes(300)",
    ]
