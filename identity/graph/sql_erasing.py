"""Erasing identifiers from the graph on SQL. Each call runs inside the caller's transaction."""

from collections.abc import Collection, Iterable, Sequence

from identity.graph import bodies
from identity.graph.evidence import carried, links, without
from identity.graph.policy import Policy
from identity.graph.sql_aside import (
    add_up,
    add_up_links,
    rows_of,
    touchpoints,
)
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier, Touchpoint

_COLUMNS = "t.number, t.uid, t.source, t.at, t.received_at, t.body"


def carrying(identifiers: Collection[Identifier], after: int, limit: int) -> list[Touchpoint]:
    """Return touchpoints that are evidence for these or belong to them, by number, above `after`."""
    rows = list(rows_of(identifiers).values())
    given = Rows("given", id="bigint")
    mine = f"SELECT id FROM {given}"
    return touchpoints(
        fetch(
            f"SELECT {_COLUMNS} FROM (SELECT number FROM (SELECT c.touchpoint AS number"
            f" FROM identity_graphcarries c WHERE c.identifier IN ({mine}) AND c.touchpoint > %s"
            f" UNION SELECT number FROM identity_graphtouchpoint WHERE owner IN ({mine}) AND number > %s"
            ") theirs ORDER BY number LIMIT %s) page"
            " JOIN identity_graphtouchpoint t ON t.number = page.number ORDER BY t.number",
            [
                *given.of((row,) for row in rows),
                after,
                *given.of((row,) for row in rows),
                after,
                limit,
            ],
        )
    )


def erase(ids: Sequence[str], identifiers: Collection[Identifier], policy: Policy) -> None:
    """Delete touchpoints of these identifiers' or nobody's; take the identifiers out of the others."""
    given = Rows("given", uid="text")
    found = touchpoints(
        fetch(
            f"SELECT {_COLUMNS} FROM {given} JOIN identity_graphtouchpoint t ON t.uid = given.uid",
            given.of((each,) for each in ids),
        )
    )
    going = [each for each in found if each.owner is None or each.owner in identifiers]
    staying = [each for each in found if each.owner and each.owner not in identifiers]
    rows = rows_of({one for each in found for one in carried(each)})
    _uncarry((rows[one], each.number) for each in going for one in carried(each))
    _uncarry(
        (rows[one], each.number) for each in staying for one in carried(each) if one in identifiers
    )
    _delete(going)
    _rewrite([without(each, identifiers) for each in staying])
    between = {
        key for key in links(going) if key[0] not in identifiers and key[1] not in identifiers
    }
    add_up_links(between, rows, policy)


def drop(
    identifiers: Collection[Identifier], others: Collection[Identifier], policy: Policy
) -> list[Identifier]:
    """Delete nodes and links; return which of the others are gone."""
    _drop(rows_of(identifiers).values())
    around = rows_of(others)
    named_still = _named_still(around.values())
    _drop([row for row in around.values() if row not in named_still])
    left = {each: row for each, row in around.items() if row in named_still}
    add_up(left, None, policy)
    return sorted(each for each in others if each not in left)


def _uncarry(pairs: Iterable[tuple[int, int]]) -> None:
    given = Rows("given", identifier="bigint", touchpoint="bigint")
    execute(
        "DELETE FROM identity_graphcarries WHERE id IN (SELECT c.id"
        f" FROM {given} JOIN identity_graphcarries c ON c.identifier = given.identifier AND c.touchpoint = given.touchpoint)",
        given.of(pairs),
    )


def _delete(going: Iterable[Touchpoint]) -> None:
    given = Rows("given", number="bigint")
    execute(
        f"DELETE FROM identity_graphtouchpoint WHERE number IN (SELECT number FROM {given})",
        given.of((each.number,) for each in going),
    )


def _rewrite(staying: Iterable[Touchpoint]) -> None:
    given = Rows("given", wanted="bigint", written="text")
    execute(
        f"UPDATE identity_graphtouchpoint SET body = written FROM {given} WHERE number = wanted",
        given.of((each.number, bodies.encode(each)) for each in staying),
    )


def _named_still(rows: Collection[int]) -> set[int]:
    """Return which of these some touchpoint carries, or belongs to: what a forgotten source brought carries nothing."""
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT given.id FROM {given}"
        " WHERE EXISTS (SELECT 1 FROM identity_graphcarries c WHERE c.identifier = given.id)"
        " OR EXISTS (SELECT 1 FROM identity_graphtouchpoint t WHERE t.owner = given.id)",
        given.of((row,) for row in rows),
    )
    return {row for (row,) in found}


def _drop(rows: Collection[int]) -> None:
    given = Rows("given", id="bigint")
    values = given.of((row,) for row in rows)
    for column in ("a", "b"):
        execute(
            f"DELETE FROM identity_graphlink WHERE {column} IN (SELECT id FROM {given})", values
        )
    execute(f"DELETE FROM identity_graphidentifier WHERE id IN (SELECT id FROM {given})", values)
