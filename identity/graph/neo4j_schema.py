"""Constraints and indexes of the graph store on Neo4j. Without them every statement would scan the whole graph."""

from collections.abc import Collection

LABELS = ("Touchpoint", "Identifier", "Profile", "Lane", "Graph")  # of our nodes; some have more
RELATIONSHIPS = (
    "CARRIES",
    "LINKED",
    "GROUPED",
    "DECIDED",
    "MEMBER_OF",
)  # all begin at a node of ours
CONSTRAINTS = {
    "identifier_key": "FOR (i:Identifier) REQUIRE i.key IS UNIQUE",
    "touchpoint_id": "FOR (t:Touchpoint) REQUIRE t.id IS UNIQUE",
    "touchpoint_number": "FOR (t:Touchpoint) REQUIRE t.number IS UNIQUE",
    "profile_id": "FOR (p:Profile) REQUIRE p.id IS UNIQUE",
    "graph_id": "FOR (g:Graph) REQUIRE g.id IS UNIQUE",
    "lane_id": "FOR (l:Lane) REQUIRE l.id IS UNIQUE",
    "linked_key": "FOR ()-[r:LINKED]-() REQUIRE r.key IS UNIQUE",
    "grouped_key": "FOR ()-[r:GROUPED]-() REQUIRE r.key IS UNIQUE",
    "decided_key": "FOR ()-[r:DECIDED]-() REQUIRE r.key IS UNIQUE",
}
INDEXES = {
    "touchpoint_timeline": "FOR (t:Touchpoint) ON (t.owner, t.at, t.id)",
    "touchpoint_unowned": "FOR (t:Unowned) ON (t.source, t.number)",
    "touchpoint_aside": "FOR (t:Aside) ON (t.aside_owner)",
    "hub_key": "FOR (h:Hub) ON (h.key)",
}
SHOW = "SHOW CONSTRAINTS YIELD name RETURN collect(name)"
# A constraint's own index has the constraint's name.
USABLE = "SHOW INDEXES YIELD name, state WHERE state = 'ONLINE' RETURN collect(name)"


def statements(usable: Collection[str]) -> list[str]:
    """Return what makes those that are not usable yet; the last one waits until they are."""
    missing = [
        *(("CONSTRAINT", name, rest) for name, rest in CONSTRAINTS.items() if name not in usable),
        *(("INDEX", name, rest) for name, rest in INDEXES.items() if name not in usable),
    ]
    made = [f"CREATE {kind} {name} IF NOT EXISTS {rest}" for kind, name, rest in missing]
    return [*made, "CALL db.awaitIndexes(300)"] if made else []
