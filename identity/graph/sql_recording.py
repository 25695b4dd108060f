"""Stage 1 on SQL: a batch of touchpoints in a constant number of statements.

One writer at a time (the epoch's row is held), so what is read at the beginning of the transaction stays true until its end.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from identity.graph import bodies
from identity.graph.evidence import Evidence, carried, carried_beside, links, vouches
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey, advance, changed
from identity.graph.sql_columns import IDENTIFIER, LINK, TOUCHPOINT, names
from identity.graph.types import FORGOTTEN, VOID
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier, Touchpoint


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call recorded: the first number of each touchpoint, and the rows whose neighbourhoods may have changed."""

    first_numbers: Mapping[str, int]
    seeds: Collection[int]


def record(
    touchpoints: Sequence[Touchpoint], contested: Collection[Identifier], policy: Policy
) -> Batch:
    """Store what is new of the touchpoints. Runs inside the caller's transaction."""
    stored = _stored(touchpoints)
    fresh = [touchpoint for touchpoint in touchpoints if touchpoint.id not in stored]
    known = look_up(
        {identifier for each in touchpoints for identifier in carried(each)} | set(contested)
    )
    brought = links(fresh)
    wanted = brought if len(fresh) == len(touchpoints) else links(touchpoints)
    before = _links_before(wanted, known)
    write(advance(fresh, brought, before, known, policy), known, policy)
    write_touchpoints(fresh, known)
    write_links(brought, known, policy)
    numbers = {touchpoint.number for touchpoint in touchpoints}
    moved, turned = changed(numbers, known, before, brought, policy)
    seeds = {known[each].row for each in (*contested, *moved) if each in known}
    seeds |= neighbours([known[each].row for each in turned])
    return Batch({each.id: stored.get(each.id, each.number) for each in touchpoints}, seeds - {0})


# --- Reading what is there ----------------------------------------------------------------------------------------------


def _stored(touchpoints: Sequence[Touchpoint]) -> dict[str, int]:
    """Return the numbers under which these touchpoints were recorded before."""
    given = Rows("given", uid="text")
    rows = fetch(
        f"SELECT known.uid, known.number FROM {given}"
        " JOIN identity_graphtouchpoint known ON known.uid = given.uid",
        given.of([(touchpoint.id,) for touchpoint in touchpoints]),
    )
    return dict(rows)


def look_up(identifiers: Collection[Identifier]) -> dict[Identifier, Known]:
    given = Rows("given", key="text")
    names = {identifier.key: identifier for identifier in identifiers}
    rows = fetch(
        "SELECT node.key, node.id, node.first_number, node.degree, node.quarantined, node.turned, node.kind"
        f" FROM {given} JOIN identity_graphidentifier node ON node.key = given.key",
        given.of([(key,) for key in names]),
    )
    return {
        names[key]: Known(row, first, degree, bool(hub), turned, kind == FORGOTTEN)
        for key, row, first, degree, hub, turned, kind in rows
    }


def _links_before(
    wanted: Iterable[LinkKey], known: Mapping[Identifier, Known]
) -> dict[LinkKey, int]:
    """Return the first number of each link, of whatever source, that the wanted pairs had before; and of the pairs that are unlinked."""
    pairs = {(a, b) for a, b, _ in wanted if a in known and b in known}
    if not pairs:
        return {}
    names = {known[each].row: each for pair in pairs for each in pair}
    given = Rows("given", a="bigint", b="bigint")
    rows = fetch(
        f"SELECT link.a, link.b, link.source, link.first_number FROM {given}"
        " JOIN identity_graphlink link ON link.a = given.a AND link.b = given.b"
        f" AND (link.source > 0 OR link.source = {VOID})",
        given.of([(known[a].row, known[b].row) for a, b in pairs]),
    )
    return {(names[a], names[b], source): number for a, b, source, number in rows}


# --- Writing what is new ------------------------------------------------------------------------------------------------


def write(
    moved: Collection[Identifier], known: Mapping[Identifier, Known], policy: Policy
) -> None:
    """Insert or update these rows; new ones get their ids in `known`."""
    if not moved:
        return
    named = {identifier.key: identifier for identifier in moved}
    given = Rows("given", **IDENTIFIER)
    rows = fetch(
        f"""
        INSERT INTO identity_graphidentifier ({names(IDENTIFIER)})
        SELECT {names(IDENTIFIER)} FROM {given} WHERE true
        ON CONFLICT (key) DO UPDATE SET
            first_number = excluded.first_number,
            degree = excluded.degree,
            quarantined = excluded.quarantined,
            turned = excluded.turned
        RETURNING key, id
        """,
        given.of(
            [
                (
                    key,
                    policy[named[key].namespace].kind.value,
                    known[named[key]].first_number,
                    known[named[key]].degree,
                    known[named[key]].quarantined,
                    known[named[key]].turned,
                )
                for key in sorted(named)
            ]
        ),
    )
    for key, row in rows:
        known[named[key]].row = row


def write_touchpoints(fresh: Sequence[Touchpoint], known: Mapping[Identifier, Known]) -> None:
    if not fresh:
        return
    given = Rows("given", **TOUCHPOINT, owner="bigint", vouches="boolean")
    columns = f"{names(TOUCHPOINT)}, owner, vouches"
    execute(
        f"INSERT INTO identity_graphtouchpoint ({columns}) SELECT {columns} FROM {given}",
        given.of(
            [
                (
                    each.number,
                    each.id,
                    each.source,
                    each.at,
                    each.received_at,
                    False,
                    bodies.encode(each),
                    known[each.owner].row if each.owner else None,
                    vouches(each),
                )
                for each in fresh
            ]
        ),
    )
    carries = Rows("given", identifier="bigint", touchpoint="bigint")
    execute(
        "INSERT INTO identity_graphcarries (identifier, touchpoint)"
        f" SELECT identifier, touchpoint FROM {carries}",
        carries.of(
            [
                (known[identifier].row, each.number)
                for each in fresh
                for identifier in carried_beside(each)
            ]
        ),
    )


def write_links(
    brought: Mapping[LinkKey, Evidence], known: Mapping[Identifier, Known], policy: Policy
) -> None:
    """Insert the links, or add the evidence to those that are there."""
    if not brought:
        return
    given = Rows("given", a="bigint", b="bigint", **LINK)
    columns = f"a, b, {names(LINK)}"
    execute(
        f"""
        INSERT INTO identity_graphlink ({columns}) SELECT {columns} FROM {given} WHERE true
        ON CONFLICT (a, b, source) DO UPDATE SET
            count = identity_graphlink.count + excluded.count,
            same = identity_graphlink.same OR excluded.same,
            strength = CASE WHEN excluded.strength > identity_graphlink.strength
                THEN excluded.strength ELSE identity_graphlink.strength END,
            first_seen = CASE WHEN excluded.first_seen < identity_graphlink.first_seen
                THEN excluded.first_seen ELSE identity_graphlink.first_seen END,
            last_seen = CASE WHEN excluded.last_seen > identity_graphlink.last_seen
                THEN excluded.last_seen ELSE identity_graphlink.last_seen END,
            first_number = CASE WHEN excluded.first_number < identity_graphlink.first_number
                THEN excluded.first_number ELSE identity_graphlink.first_number END
        """,
        given.of(
            [
                (
                    known[a].row,
                    known[b].row,
                    source,
                    evidence.first_seen,
                    evidence.last_seen,
                    evidence.count,
                    evidence.same,
                    evidence.strength,
                    not (policy.is_household(a) or policy.is_household(b)),
                    evidence.first_number,
                )
                for (a, b, source), evidence in brought.items()
            ]
        ),
    )


# --- What may have changed ----------------------------------------------------------------------------------------------


def neighbours(rows: Collection[int]) -> set[int]:
    """Return the rows that these are linked with: a node that turns changes the neighbourhoods of all of them."""
    if not rows:
        return set()
    given = Rows("given", id="bigint")
    found = fetch(
        "SELECT CASE WHEN link.a = given.id THEN link.b ELSE link.a END"
        f" FROM {given} JOIN identity_graphlink link"
        " ON (link.a = given.id OR link.b = given.id) AND link.conducts",
        given.of([(row,) for row in rows]),
    )
    return {row for (row,) in found}
