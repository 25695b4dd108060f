"""Erasing identifiers from the graph on SQL. Each call runs inside the caller's transaction."""

from collections.abc import Collection, Iterable, Sequence

from identity.graph import bodies, sql_forgetting
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


def unnamed(identifiers: Collection[Identifier]) -> list[Identifier]:
    """Return those that no touchpoint carries or belongs to: what a forgotten source brought carries nothing."""
    rows = rows_of(identifiers)
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT given.id FROM {given}"
        " WHERE EXISTS (SELECT 1 FROM identity_graphcarries c WHERE c.identifier = given.id)"
        " OR EXISTS (SELECT 1 FROM identity_graphtouchpoint t WHERE t.owner = given.id)",
        given.of((row,) for row in rows.values()),
    )
    named = {row for (row,) in found}
    return sorted(each for each in identifiers if rows.get(each) not in named)


def silence(identifiers: Collection[Identifier]) -> list[Identifier]:
    """Let these lead nowhere; return those that are stored."""
    rows = rows_of(identifiers)
    sql_forgetting.silence(rows.values())
    return sorted(rows)


def linked(identifiers: Collection[Identifier], limit: int) -> list[tuple[Identifier, Identifier]]:
    """Return pairs that have links, of one of these and another. Either half ends with the slice, by the index of its own."""
    one, two = Rows("one", id="bigint"), Rows("two", id="bigint")
    mine = [(row,) for row in rows_of(identifiers).values()]
    found = fetch(
        "SELECT first.key, second.key FROM ("
        f"SELECT a, b FROM (SELECT link.a, link.b FROM {one}"
        " JOIN identity_graphlink link ON link.a = one.id LIMIT %s) forth"
        f" UNION SELECT a, b FROM (SELECT link.a, link.b FROM {two}"
        " JOIN identity_graphlink link ON link.b = two.id LIMIT %s) back LIMIT %s) pair"
        " JOIN identity_graphidentifier first ON first.id = pair.a"
        " JOIN identity_graphidentifier second ON second.id = pair.b",
        [*one.of(mine), limit, *two.of(mine), limit, limit],
    )
    return sorted((Identifier.of(a), Identifier.of(b)) for a, b in found)


def unlink(
    pairs: Collection[tuple[Identifier, Identifier]],
    around: Collection[Identifier],
    policy: Policy,
) -> None:
    """Delete the links of these pairs; add up again what is known of those around."""
    rows = rows_of({each for pair in pairs for each in pair}.union(around))
    given = Rows("given", a="bigint", b="bigint")
    execute(
        f"DELETE FROM identity_graphlink WHERE id IN (SELECT link.id FROM {given}"
        " JOIN identity_graphlink link ON link.a = given.a AND link.b = given.b)",
        given.of((rows[a], rows[b]) for a, b in pairs if a in rows and b in rows),
    )
    add_up({each: rows[each] for each in around if each in rows}, None, policy)


def drop(identifiers: Collection[Identifier], others: Collection[Identifier]) -> list[Identifier]:
    """Delete nodes; return which of the others are gone."""
    _drop(rows_of(identifiers).values())
    gone = unnamed(others)
    _drop(rows_of(gone).values())
    return gone


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


def _drop(rows: Collection[int]) -> None:
    given = Rows("given", id="bigint")
    values = given.of((row,) for row in rows)
    for column in ("a", "b"):
        execute(
            f"DELETE FROM identity_graphlink WHERE {column} IN (SELECT id FROM {given})", values
        )
    execute(f"DELETE FROM identity_graphidentifier WHERE id IN (SELECT id FROM {given})", values)
