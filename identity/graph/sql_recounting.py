"""Adding up again, in the graph on SQL, what is in doubt, from the touchpoints that carry it. Runs inside the caller's transaction."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from identity.graph.evidence import carried, carried_beside
from identity.graph.policy import Policy
from identity.graph.recording import Known, LinkKey, under
from identity.graph.sql_aside import add_up, add_up_links, rows_of, touchpoints
from identity.graph.sql_columns import LINK, names
from identity.graph.sql_forgetting import identifiers_of
from identity.graph.sql_recording import look_up, neighbours, write
from identity.graph.types import FORGOTTEN, UNVOUCHED, Doubts
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier


class Recounted(NamedTuple):
    """What was stored otherwise, and whose neighbourhoods may have changed."""

    wrong: Doubts
    around: Sequence[Identifier]


def recount(doubts: Doubts, policy: Policy) -> Recounted:
    """Write afresh what is in doubt."""
    ends = {end for a, b, _ in doubts.links for end in (a, b)}
    known = look_up(ends.union(doubts.identifiers))
    wanted = {link for link in doubts.links if link[0] in known and link[1] in known}
    before = _links(wanted, known)
    rows = {each: one.row for each, one in known.items()}
    _unnumber([rows[each] for each in doubts.identifiers if each in rows])
    add_up_links(wanted, rows, policy)
    after = _links(wanted, known)
    wrong = [link for link in wanted if before.get(link) != after.get(link)]
    # What is around a household means nothing, and is not kept up to date when somebody is forgotten.
    counted = {end for a, b, _ in wrong for end in (a, b) if not policy.is_household(end)}
    counting = counted.union(doubts.identifiers) & rows.keys()
    add_up({each: rows[each] for each in counting}, under(policy), policy)
    now = look_up(known)
    turned = [one.row for one in now.values() if one.turned == under(policy)]
    return Recounted(
        Doubts(
            sorted(wrong),
            [each for each in doubts.identifiers if known.get(each) != now.get(each)],
        ),
        sorted(identifiers_of(neighbours(turned).union(rows.values()))),
    )


def _links(
    wanted: Collection[LinkKey], known: Mapping[Identifier, Known]
) -> dict[LinkKey, tuple[Any, ...]]:
    """Return those of these links that are stored, with all that is stored of them."""
    ends = {known[each].row: each for a, b, _ in wanted for each in (a, b)}
    given = Rows("given", a="bigint", b="bigint", source="bigint")
    rows = fetch(
        f"SELECT link.a, link.b, {names(LINK, 'link')} FROM {given} JOIN identity_graphlink link"
        " ON link.a = given.a AND link.b = given.b AND link.source = given.source",
        given.of((known[a].row, known[b].row, source) for a, b, source in wanted),
    )
    return {(ends[a], ends[b], source): tuple(values) for a, b, source, *values in rows}


def _unnumber(rows: Collection[int]) -> None:
    """Forget the first numbers of these: where no touchpoint vouches for one, it is only kept."""
    given = Rows("given", id="bigint")
    execute(
        f"UPDATE identity_graphidentifier SET first_number = {UNVOUCHED}"
        f" WHERE first_number IS NOT NULL AND kind <> '{FORGOTTEN}' AND id IN (SELECT id FROM {given})",
        given.of((row,) for row in rows),
    )


def recarry(numbers: Collection[int], policy: Policy) -> None:
    """Write again what these touchpoints carry and whose they are; make identifiers that are not stored."""
    given = Rows("given", wanted="bigint")
    found = touchpoints(
        fetch(
            "SELECT number, uid, source, at, received_at, body"
            f" FROM {given} JOIN identity_graphtouchpoint ON number = given.wanted",
            given.of((number,) for number in numbers),
        )
    )
    named = {one for each in found for one in (*carried(each), each.owner) if one is not None}
    rows = rows_of(named)
    made = {each: Known(first_number=UNVOUCHED) for each in named - rows.keys()}
    write(made, made, policy)
    rows |= {each: one.row for each, one in made.items()}
    owners = Rows("given", wanted="bigint", holder="bigint")
    execute(
        f"UPDATE identity_graphtouchpoint SET owner = given.holder FROM {owners} WHERE number = given.wanted",
        owners.of((each.number, rows[each.owner]) for each in found if each.owner),
    )
    carries = Rows("given", identifier="bigint", touchpoint="bigint")
    execute(
        "INSERT INTO identity_graphcarries (identifier, touchpoint)"
        f" SELECT identifier, touchpoint FROM {carries}"
        " WHERE true ON CONFLICT (identifier, touchpoint) DO NOTHING",
        carries.of((rows[one], each.number) for each in found for one in carried_beside(each)),
    )
