"""Touchpoints stored earlier, with the rows they belong to now: what a rule that is new has to look through."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from identity import graph
from identity.profiles.types import Arrival
from identity.sql import Rows, fetch


@dataclass(frozen=True, slots=True)
class Stored:
    """A slice: touchpoints that count, and the number to go on after; None when there is nothing left."""

    arrivals: Sequence[Arrival]
    after: int | None


def scan(*, after: int, limit: int) -> Stored:
    """Look at up to `limit` touchpoints above number `after`. Asks the graph store: not for use inside a transaction.

    One that the lane has recorded but not resolved yet has no row to belong to and is left out: it is still to come.
    """
    touchpoints = graph.store().scan(after=after, limit=limit)
    rows = _rows({one.owner.key for one in touchpoints if one.owner is not None})
    arrivals = [
        Arrival(one, *rows[one.owner.key])
        for one in touchpoints
        if one.owner is not None and one.owner.key in rows
    ]
    return Stored(arrivals, touchpoints[-1].number if touchpoints else None)


def _rows(keys: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Return row ids of identifier and profile."""
    wanted = Rows("wanted", key="text")
    return {
        key: (owner, profile)
        for key, owner, profile in fetch(
            f"SELECT i.key, i.id, i.profile_id FROM {wanted}"
            " JOIN identity_identifier AS i ON i.key = wanted.key AND NOT i.forgotten",
            wanted.of((key,) for key in sorted(keys)),
        )
    }


def profiles(*, after: int, limit: int) -> list[int]:
    """Return row ids of profiles that have identifiers, above `after`, in their order."""
    found: list[tuple[int]] = fetch(
        "SELECT DISTINCT profile_id FROM identity_identifier WHERE profile_id > %s AND NOT forgotten"
        " ORDER BY profile_id LIMIT %s",
        [after, limit],
    )
    return [row for (row,) in found]
