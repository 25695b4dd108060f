"""Hubs in the graph store on SQL: which there are under another policy."""

from identity.graph.policy import Policy
from identity.graph.recording import turns, under
from identity.graph.sql_recording import neighbours
from identity.graph.types import FORGOTTEN
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier


def turn(after: int, limit: int, policy: Policy) -> tuple[set[int], int, int]:
    """Write which of the rows behind `after` are hubs; return the rows whose neighbourhoods may have changed, how many were looked at, and the last.

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
    return turned | neighbours(turned), len(rows), rows[-1][0] if rows else after
