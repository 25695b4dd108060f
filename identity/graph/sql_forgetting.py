"""Taking evidence away for good, in the graph on SQL: all that a source brought, or one identifier."""

from collections.abc import Collection, Mapping, Sequence

from identity.graph import bodies
from identity.graph.evidence import carried, carried_beside, links, no_evidence, once_evidence
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey
from identity.graph.sql_aside import add_up, rows_of, touchpoints
from identity.graph.sql_recording import write
from identity.graph.types import FORGOTTEN, UNVOUCHED, Detached, Swept
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier, Touchpoint

# Either half ends with the slice, by the index of its own: a hub has many others.
_AROUND = """
SELECT other FROM (
    SELECT other FROM (SELECT DISTINCT link.b AS other FROM identity_graphlink link
        WHERE link.a = %s AND link.b > %s AND link.conducts ORDER BY link.b LIMIT %s) forth
    UNION
    SELECT other FROM (SELECT DISTINCT link.a AS other FROM identity_graphlink link
        WHERE link.b = %s AND link.a > %s AND link.conducts ORDER BY link.a LIMIT %s) back
) around ORDER BY other LIMIT %s
"""


def forget_source(source: int, after: int, limit: int, policy: Policy) -> Swept:
    """Take one slice of a source out of the evidence. Runs inside the caller's transaction."""
    [(last,)] = fetch(
        "SELECT MAX(number) FROM (SELECT number FROM identity_graphtouchpoint"
        " WHERE number > %s ORDER BY number LIMIT %s) page",
        [after, limit],
    )
    if last is None:
        return Swept(None, 0, ())
    stored = fetch(
        "SELECT number, uid, source, at, received_at, body, aside FROM identity_graphtouchpoint"
        " WHERE number > %s AND number <= %s AND source = %s",
        [after, last, source],
    )
    aside = {row[0] for row in stored if row[6]}
    found = once_evidence(touchpoints(row[:6] for row in stored))
    rows = rows_of({identifier for each in found for identifier in carried(each)})
    if rows:
        _rewrite(no_evidence(found))
        _take_away(found, rows)
        add_up(rows, None, policy)
        _unvouch(
            {rows[one] for each in found if each.number not in aside for one in carried(each)}
        )
    return Swept(last, len(found), sorted(rows))


def forget(identifier: Identifier, after: int, limit: int, policy: Policy) -> Detached:
    """Take one identifier out of everything, and add up again what is known of one slice of those around it. Inside the caller's transaction."""
    row = _mark(identifier, policy)
    half = [row, after, limit]
    rows = [other for (other,) in fetch(_AROUND, [*half, *half, limit])]
    around = identifiers_of(rows)
    add_up(around, None, policy)
    return Detached(list(around), str(rows[-1]) if len(rows) == limit else None)


def _mark(identifier: Identifier, policy: Policy) -> int:
    """Let the identifier lead nowhere; return its row. One that was never seen gets one."""
    rows = rows_of({identifier})
    if not rows:
        known = {identifier: Known()}
        write(known, known, policy)
        rows = {identifier: known[identifier].row}
    silence(rows.values())
    return rows[identifier]


def silence(rows: Collection[int]) -> None:
    """Let these identifiers take part in nothing."""
    given = Rows("given", id="bigint")
    execute(
        "UPDATE identity_graphidentifier SET kind = %s, first_number = NULL, quarantined = %s, turned = NULL"
        f" WHERE id IN (SELECT id FROM {given})",
        [FORGOTTEN, True, *given.of((row,) for row in rows)],
    )


def _rewrite(changed: Sequence[Touchpoint]) -> None:
    given = Rows("given", number="bigint", body="text")
    execute(
        f"UPDATE identity_graphtouchpoint SET body = given.body, vouches = false FROM {given}"
        " WHERE identity_graphtouchpoint.number = given.number",
        given.of([(each.number, bodies.encode(each)) for each in changed]),
    )


def _take_away(found: Sequence[Touchpoint], rows: Mapping[Identifier, int]) -> None:
    """Delete what these touchpoints carry, and the links that they brought."""
    carries = Rows("given", identifier="bigint", touchpoint="bigint")
    execute(
        f"DELETE FROM identity_graphcarries WHERE id IN (SELECT old.id FROM {carries}"
        " JOIN identity_graphcarries old"
        "   ON old.identifier = given.identifier AND old.touchpoint = given.touchpoint)",
        carries.of([(rows[one], each.number) for each in found for one in carried_beside(each)]),
    )
    brought: Collection[LinkKey] = links(found)
    given = Rows("given", a="bigint", b="bigint", source="bigint")
    execute(
        f"DELETE FROM identity_graphlink WHERE id IN (SELECT link.id FROM {given}"
        " JOIN identity_graphlink link"
        "   ON link.a = given.a AND link.b = given.b AND link.source = given.source)",
        given.of([(rows[a], rows[b], source) for a, b, source in brought]),
    )


def _unvouch(rows: Collection[int]) -> None:
    """Keep identifiers that no evidence speaks for any more: their touchpoints are still theirs."""
    given = Rows("given", id="bigint")
    execute(
        "UPDATE identity_graphidentifier SET first_number = %s"
        f" WHERE first_number IS NULL AND kind <> %s AND id IN (SELECT id FROM {given})",
        [UNVOUCHED, FORGOTTEN, *given.of([(row,) for row in rows])],
    )


def identifiers_of(rows: Collection[int]) -> dict[Identifier, int]:
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT node.key, node.id FROM {given} JOIN identity_graphidentifier node ON node.id = given.id",
        given.of([(row,) for row in rows]),
    )
    return {Identifier.of(key): row for key, row in found}
