"""Reading neighbourhoods from the graph store on SQL: three statements, however many are asked for.

Which rows are reached, and what is in them, are two, and the recursion joins links alone: no planner can tell how many rows a recursion
reaches, and PostgreSQL takes it for so many that it would read the whole table to join them, once for each step away from the seeds.
"""

from collections.abc import Collection
from typing import NamedTuple

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.policy import Policy
from identity.graph.types import VERDICTS, Decision, Link, Neighbourhood, Node
from identity.sql import Rows, fetch
from identity.touchpoints.types import Identifier


class Reached(NamedTuple):
    """The neighbourhoods around some nodes, and the row id of each of their identifiers."""

    neighbourhoods: list[Neighbourhood]
    ids: dict[Identifier, int]


def reach(
    seeds: Collection[int], policy: Policy, released: Collection[Identifier] = ()
) -> Reached:
    """Read the neighbourhoods that hold these rows of GraphIdentifier. `released`: hubs that are taken for none."""
    if not seeds:
        return Reached([], {})
    rows = _nodes(seeds, released)
    ids = {Identifier.of(key): row for row, key, *_ in rows}
    names = {row: identifier for identifier, row in ids.items()}
    nodes = [Node(names[row], number, bool(hub), degree) for row, _, number, hub, degree in rows]
    hubs = [row for row, _, _, hub, _ in rows if hub]
    links, decisions = [], []
    for a, b, source, first, last, count, same, strength, number in _links(
        [row for row, _, _, hub, _ in rows if not hub], hubs
    ):
        if a not in names or b not in names:
            continue
        if source in VERDICTS:
            decisions.append(Decision(names[a], names[b], VERDICTS[source], number, last))
        else:
            links.append(
                Link(names[a], names[b], source, first, last, count, bool(same), strength)
            )
    return Reached(neighbourhoods(nodes, links, policy, decisions), ids)


def _nodes(
    seeds: Collection[int], released: Collection[Identifier]
) -> list[tuple[int, str, int, bool, int]]:
    """Return (id, key, first number, hub, degree) of everything that the seeds reach. A hub is reached and leads no further."""
    given, free = Rows("given", id="bigint"), Rows("free", key="text")
    hub = (
        f"(node.quarantined AND node.key NOT IN (SELECT key FROM {free}))"
        if released
        else "node.quarantined"
    )
    freed = free.of([(each.key,) for each in released]) if released else []
    reached = fetch(
        f"""
        WITH RECURSIVE reached(id) AS (
            SELECT id FROM {given}
            UNION
            SELECT CASE WHEN link.a = reached.id THEN link.b ELSE link.a END
            FROM reached
            JOIN identity_graphlink link
              ON (link.a = reached.id OR link.b = reached.id) AND link.conducts
            WHERE (SELECT NOT {hub} FROM identity_graphidentifier node WHERE node.id = reached.id)
        )
        SELECT id FROM reached
        """,
        [*given.of([(seed,) for seed in seeds]), *freed],
    )
    return fetch(
        f"SELECT node.id, node.key, node.first_number, {hub}, node.degree"
        f" FROM {given} JOIN identity_graphidentifier node ON node.id = given.id"
        " WHERE node.first_number IS NOT NULL AND node.kind <> 'household'",
        [*freed, *given.of(reached)],
    )


def _links(
    inner: Collection[int], hubs: Collection[int]
) -> list[tuple[int, int, int, int, int, int, bool, float, int]]:
    """Return the links of the inner nodes, among themselves and with the hubs, and what was decided about inner nodes.

    A hub's other links are not looked at. What keeps apart may name an end that is not among these.
    """
    columns = (
        "link.a, link.b, link.source, link.first_seen, link.last_seen, link.count,"
        " link.same, link.strength, link.first_number"
    )
    one, two, three = (
        Rows("one", id="bigint"),
        Rows("two", id="bigint"),
        Rows("three", id="bigint"),
    )
    forth = (
        f"SELECT {columns} FROM {one} JOIN identity_graphlink link"
        " ON link.a = one.id AND (link.conducts OR link.source < 0)"
    )
    nodes = [(node,) for node in inner]
    if not hubs:
        return fetch(forth, one.of(nodes))
    back = (
        f"SELECT {columns} FROM {two} JOIN identity_graphlink link"
        " ON link.b = two.id AND link.conducts"
        f" WHERE link.a IN (SELECT id FROM {three})"
    )
    return fetch(
        f"{forth} UNION ALL {back}",
        [*one.of(nodes), *two.of(nodes), *three.of([(hub,) for hub in hubs])],
    )
