"""What people decided, in the graph on SQL: rows among the links, under reserved sources."""

from collections.abc import Mapping

from identity.graph.policy import Policy
from identity.graph.recording import Known, Standing, decided
from identity.graph.sql_aside import add_up, rows_of
from identity.graph.sql_columns import LINK, names
from identity.graph.sql_recording import neighbours, write
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier


def decide(standing: Standing, policy: Policy) -> set[int]:
    """Let exactly these decisions stand about these pairs; return the rows whose neighbourhoods may have changed.

    Runs inside the caller's transaction.
    """
    rows = _rows({end for pair in standing for end in pair}, policy)
    pairs = Rows("given", a="bigint", b="bigint")
    execute(
        f"DELETE FROM identity_graphlink WHERE id IN (SELECT link.id FROM {pairs}"
        " JOIN identity_graphlink link ON link.a = given.a AND link.b = given.b AND link.source < 0)",
        pairs.of([(rows[a], rows[b]) for a, b in standing]),
    )
    given = Rows("given", a="bigint", b="bigint", **LINK)
    columns = f"a, b, {names(LINK)}"
    execute(
        f"INSERT INTO identity_graphlink ({columns}) SELECT {columns} FROM {given}",
        given.of([(rows[a], rows[b], *values) for a, b, values in decided(standing)]),
    )
    add_up(rows, None, policy)
    return set(rows.values()) | neighbours(_new_hubs(rows, policy))


def _rows(identifiers: set[Identifier], policy: Policy) -> dict[Identifier, int]:
    """Return the rows of these identifiers; one that was never seen gets one that no touchpoint vouches for."""
    rows = rows_of(identifiers)
    unseen = {each: Known() for each in identifiers - rows.keys()}
    write(unseen, unseen, policy)
    return rows | {each: known.row for each, known in unseen.items()}


def _new_hubs(rows: Mapping[Identifier, int], policy: Policy) -> set[int]:
    """Return the hubs with one person too many: taking back an `unlink` may have made them just now. A retry finds them again."""
    given = Rows("given", id="bigint", hub="bigint")
    limits = [(row, policy[each.namespace].hub) for each, row in rows.items()]
    found = fetch(
        f"SELECT node.id FROM {given} JOIN identity_graphidentifier node ON node.id = given.id"
        " WHERE node.degree = given.hub + 1",
        given.of([limit for limit in limits if limit[1] is not None]),
    )
    return {row for (row,) in found}
