"""Taking touchpoints' evidence out of the graph on SQL, or back in: what they touched is added up again from the rest.

Rare (a touchpoint that fails alone), so it may read every touchpoint that carries one of the pairs in question.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from identity.clock import Instant
from identity.graph import bodies
from identity.graph.evidence import carried, first_numbers, links
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey
from identity.graph.sql_recording import neighbours, write_links
from identity.graph.types import FORGOTTEN, UNVOUCHED, VOID, Node
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier, Touchpoint

_COLUMNS = "t.number, t.uid, t.source, t.at, t.received_at, t.body"
_MANY = 1_000


def touchpoints(rows: Iterable[tuple[int, str, int, Instant, Instant, str]]) -> list[Touchpoint]:
    """Decode rows of GraphTouchpoint."""
    return [
        bodies.decode(
            number=number, uid=uid, source=source, at=at, received_at=received_at, body=body
        )
        for number, uid, source, at, received_at, body in rows
    ]


def set_aside(ids: Sequence[str], *, aside: bool, policy: Policy) -> tuple[set[int], list[Node]]:
    """Mark the touchpoints and add up again, also if they are marked already: a lane may have died after the first time.

    Return the rows whose neighbourhoods may have changed, and the nodes that no touchpoint vouches for any more.

    Runs inside the caller's transaction.
    """
    given = Rows("given", wanted="text")
    marked = touchpoints(
        fetch(
            f"UPDATE identity_graphtouchpoint AS t SET aside = %s FROM {given}"
            " WHERE t.uid = given.wanted"
            " RETURNING number, uid, source, at, received_at, body",
            [aside, *given.of([(each,) for each in ids])],
        )
    )
    wanted = links(marked)
    rows = rows_of({identifier for each in marked for identifier in carried(each)})
    add_up_links(wanted, rows, policy)
    add_up(rows, max((each.number for each in marked), default=0), policy)
    vouched_for = _vouched_for(rows.values())
    gone = [
        Node(identifier, number)
        for identifier, number in first_numbers(marked).items()
        if rows[identifier] not in vouched_for
    ]
    return set(rows.values()) | neighbours(rows.values()), gone


def rows_of(identifiers: Collection[Identifier]) -> dict[Identifier, int]:
    given = Rows("given", key="text")
    rows = fetch(
        f"SELECT node.key, node.id FROM {given}"
        " JOIN identity_graphidentifier node ON node.key = given.key",
        given.of([(identifier.key,) for identifier in identifiers]),
    )
    return {Identifier.of(key): row for key, row in rows}


def _vouched_for(rows: Collection[int]) -> set[int]:
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT node.id FROM {given} JOIN identity_graphidentifier node ON node.id = given.id"
        " WHERE node.first_number IS NOT NULL",
        given.of([(row,) for row in rows]),
    )
    return {row for (row,) in found}


def add_up_links(
    wanted: Collection[LinkKey], rows: Mapping[Identifier, int], policy: Policy
) -> None:
    """Write these links afresh from every touchpoint that carries both ends and is not set aside."""
    pairs = Rows("given", a="bigint", b="bigint", source="bigint")
    stored = [(rows[a], rows[b], source) for a, b, source in wanted]
    vouching = _vouching(stored)
    execute(
        "DELETE FROM identity_graphlink WHERE id IN (SELECT link.id"
        f" FROM {pairs} JOIN identity_graphlink link ON link.a = given.a AND link.b = given.b"
        " AND link.source = given.source)",
        pairs.of(stored),
    )
    left = {key: evidence for key, evidence in links(vouching).items() if key in wanted}
    write_links(left, {identifier: Known(row) for identifier, row in rows.items()}, policy)


def _vouching(pairs: Sequence[tuple[int, int, int]]) -> list[Touchpoint]:
    """Return the touchpoints of a source that carry both of two rows: found from the one that fewer carry, as the other may be a hub."""
    carrying = _few({row for a, b, _ in pairs for row in (a, b)})
    given = Rows("given", near="bigint", far="bigint", source="bigint")
    values = given.of(
        (*sorted((a, b), key=carrying.__getitem__), source) for a, b, source in pairs
    )
    with_far = (
        "((t.owner = given.far AND t.vouches) OR EXISTS (SELECT 1 FROM identity_graphcarries two"
        " WHERE two.identifier = given.far AND two.touchpoint = t.number))"
    )
    return touchpoints(
        fetch(
            f"SELECT {_COLUMNS} FROM identity_graphtouchpoint t WHERE t.number IN ("
            f"SELECT t.number FROM {given}"
            " JOIN identity_graphcarries one ON one.identifier = given.near"
            " JOIN identity_graphtouchpoint t"
            "   ON t.number = one.touchpoint AND t.source = given.source AND NOT t.aside"
            f" WHERE {with_far} UNION SELECT t.number FROM {given}"
            " JOIN identity_graphtouchpoint t"
            "   ON t.owner = given.near AND t.vouches AND t.source = given.source AND NOT t.aside"
            f" WHERE {with_far})",
            [*values, *values],
        )
    )


def _few(rows: Collection[int]) -> dict[int, int]:
    """Return how many touchpoints carry each of these rows or belong to it; of very many not all are counted."""
    given = Rows("given", id="bigint")
    found = fetch(
        "SELECT given.id,"
        f" (SELECT COUNT(*) FROM (SELECT 1 FROM identity_graphcarries c WHERE c.identifier = given.id LIMIT {_MANY}) AS few)"
        f" + (SELECT COUNT(*) FROM (SELECT 1 FROM identity_graphtouchpoint t WHERE t.owner = given.id LIMIT {_MANY}) AS few)"
        f" FROM {given}",
        given.of((row,) for row in rows),
    )
    return dict(found)


def add_up(rows: Mapping[Identifier, int], number: int | None, policy: Policy) -> None:
    """Write first numbers, degrees and quarantine of these identifiers afresh; what turns does so under `number`.

    Pairs that people unlinked count for nothing, and what they decided is no evidence. What was forgotten stays so.
    """
    given = Rows("given", id="bigint", hub="bigint")
    execute(
        f"""
        UPDATE identity_graphidentifier SET
            first_number = COALESCE(sums.first_number, CASE
                WHEN identity_graphidentifier.first_number = {UNVOUCHED} THEN {UNVOUCHED} END),
            degree = sums.degree,
            quarantined = sums.hub,
            turned = CASE WHEN identity_graphidentifier.quarantined <> sums.hub
                THEN %s ELSE identity_graphidentifier.turned END
        FROM (
            SELECT counts.id, counts.first_number, counts.degree,
                counts.degree > COALESCE(counts.hub, counts.degree) AS hub
            FROM (
                SELECT given.id, given.hub,
                    (SELECT MIN(vouching.number) FROM (
                        SELECT t.number FROM identity_graphcarries one
                            JOIN identity_graphtouchpoint t ON t.number = one.touchpoint
                            WHERE one.identifier = given.id AND NOT t.aside
                        UNION ALL
                        SELECT t.number FROM identity_graphtouchpoint t
                            WHERE t.owner = given.id AND t.vouches AND NOT t.aside
                    ) vouching) AS first_number,
                    (SELECT COUNT(DISTINCT other.id) FROM identity_graphlink link
                        JOIN identity_graphidentifier other
                          ON other.id = CASE WHEN link.a = given.id THEN link.b ELSE link.a END
                        WHERE (link.a = given.id OR link.b = given.id)
                          AND other.kind = 'person' AND link.source > 0
                          AND NOT EXISTS (SELECT 1 FROM identity_graphlink void
                            WHERE void.a = link.a AND void.b = link.b AND void.source = {VOID})
                    ) AS degree
                FROM {given}
            ) counts
        ) sums
        WHERE identity_graphidentifier.id = sums.id
          AND identity_graphidentifier.kind <> '{FORGOTTEN}'
        """,
        [
            number,
            *given.of([(row, policy.most_around(each)) for each, row in rows.items()]),
        ],
    )
