"""Hubs in the graph store on SQL: which there are under another policy, and what is around one."""

from identity.graph.policy import Policy
from identity.graph.recording import turns, under
from identity.graph.sql_forgetting import identifiers_of
from identity.graph.sql_recording import neighbours
from identity.graph.types import FORGOTTEN, Link, Neighbourhood, Node
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier


def turn(after: int, limit: int, policy: Policy) -> tuple[list[Identifier], int, int]:
    """Write which of the rows behind `after` are hubs; return those whose neighbourhoods may have changed, how many were looked at, and the last.

    Runs inside the caller's transaction.
    """
    rows = fetch(
        "SELECT id, key, degree, quarantined, turned FROM identity_graphidentifier"
        " WHERE id > %s AND kind NOT IN ('household', %s) ORDER BY id LIMIT %s",
        [after, FORGOTTEN, limit],
    )
    wrong = [
        row for row, key, degree, hub, _ in rows if turns(Identifier.of(key), degree, hub, policy)
    ]
    if wrong:
        given = Rows("given", id="bigint")
        execute(
            "UPDATE identity_graphidentifier SET quarantined = NOT quarantined, turned = %s"
            f" WHERE id IN (SELECT id FROM {given})",
            [under(policy), *given.of([(row,) for row in wrong])],
        )
    before = {row for row, _, _, _, turned in rows if turned == under(policy)}
    turned = before.union(wrong)
    touched = sorted(identifiers_of(turned | neighbours(turned)))
    return touched, len(rows), rows[-1][0] if rows else after


def around(hub: Identifier, limit: int) -> Neighbourhood:
    """Return a hub, the newest of its links, and who is at their other ends."""
    found = fetch(
        "SELECT id, key, first_number, quarantined, degree FROM identity_graphidentifier"
        " WHERE key = %s AND first_number IS NOT NULL",
        [hub.key],
    )
    if not found:
        return Neighbourhood((), ())
    row = found[0][0]
    rows = fetch(
        f"SELECT * FROM ({_ends('a', 'b')}) AS forth UNION ALL SELECT * FROM ({_ends('b', 'a')}) AS back"
        " ORDER BY last_seen DESC, first_number DESC LIMIT %s",
        [row, limit, row, limit, limit],
    )
    nodes = {row: _node(*found[0])}
    links = []
    for a, b, source, first, last, count, same, strength, _, *far in rows:
        nodes[far[0]] = _node(*far)
        one, two = nodes[a].identifier, nodes[b].identifier
        links.append(Link(one, two, source, first, last, count, bool(same), strength))
    return Neighbourhood(tuple(nodes.values()), tuple(links))


def _ends(near: str, far: str) -> str:
    """Return the newest links whose end `near` is the hub, each with the node at the other one."""
    return (
        "SELECT link.a, link.b, link.source, link.first_seen, link.last_seen, link.count, link.same, link.strength,"
        " link.first_number, far.id, far.key, far.first_number AS far_number, far.quarantined, far.degree"
        " FROM identity_graphlink link"
        f" JOIN identity_graphidentifier far ON far.id = link.{far} AND far.first_number IS NOT NULL"
        f" WHERE link.{near} = %s AND link.conducts AND link.source >= 0"
        " ORDER BY link.last_seen DESC, link.first_number DESC LIMIT %s"
    )


def _node(_row: int, key: str, number: int, hub: bool, degree: int) -> Node:  # noqa: FBT001 - a row of the table
    return Node(Identifier.of(key), number, bool(hub), degree)
