"""Whom a split makes what they were before, and since when they had not been that."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from identity.clock import Instant
from identity.profiles.moves import Move
from identity.sql import Rows, fetch
from identity.touchpoints.types import Identifier

LOOKED_UP = 20  # identifiers of a move: a giant that falls apart must not be looked up one by one
_LAST = "SELECT MAX(m.at) FROM identity_profilemove AS m"
_NAMED = "replace(m.identifiers, given.word, '') <> m.identifiers"


def kinds(made: Sequence[Move], alive: Collection[int]) -> list[str]:
    """Return "merge" or "split" for each move. Whoever left a profile whole was merged; otherwise the profile was split."""
    exits = Counter(move.origin for move in made)
    return [
        "split" if move.origin in alive or exits[move.origin] > 1 else "merge" for move in made
    ]


def apart(
    made: Sequence[Move],
    kinds: Sequence[str],
    profiles: Mapping[Identifier, int],
    others: Collection[int],
) -> dict[int, Instant]:
    """Return the sides of each split -> since when they were not as they are again; one statement, none without a split.

    The profile that is left: since those who leave now had come. The one that they go to: since they had gone from there; if they never
    were there, as long as the first, unless it has `others` in it: somebody else took them over. `kinds`: of the moves, as above.
    `profiles`: founder -> row id.
    """
    splits = [
        (move.origin, profiles[move.founder], _word(each))
        for move, kind in zip(made, kinds, strict=True)
        if kind == "split"
        for each in move.identifiers[:LOOKED_UP]
    ]
    came: dict[tuple[int, int], Instant] = {}
    gone: dict[tuple[int, int], Instant] = {}
    if splits:
        given = Rows("given", origin="bigint", target="bigint", word="text")
        for origin, target, arrived, left in fetch(
            f"SELECT given.origin, given.target, ({_LAST} WHERE m.target_id = given.origin AND {_NAMED}),"
            f" ({_LAST} WHERE m.origin_id = given.target AND {_NAMED}) FROM {given}",
            given.of(splits),
        ):
            for found, at in ((came, arrived), (gone, left)):
                if at is not None:
                    found[origin, target] = min(at, found.get((origin, target), at))
    sides = [(origin, at) for (origin, _), at in came.items()]
    sides += [(target, at) for (_, target), at in gone.items()]
    sides += [
        (target, at)
        for (origin, target), at in came.items()
        if (origin, target) not in gone and target not in others
    ]
    times: dict[int, Instant] = {}
    for side, at in sides:
        times[side] = min(at, times.get(side, at))
    return times


def restless(people: Iterable[tuple[int, Instant, Instant]]) -> set[int]:
    """Return the profiles of whom it cannot be told what would be; one statement. `people`: profile, since when not as now, until when.

    Somebody else came or went meanwhile (from the profile that they were in, too), or afterwards; or they are in a crowd, whose
    touchpoints wait.
    """
    given = Rows("given", id="bigint", came="bigint", parted="bigint")
    own = "m.at > given.came AND m.at <> given.parted"
    meanwhile = "m.at > given.came AND m.at < given.parted"
    there = "JOIN identity_profilemove AS m ON"
    home = "s.target_id = given.id AND s.at = given.parted"
    found = fetch(
        f"SELECT given.id FROM {given}"
        f" WHERE EXISTS (SELECT 1 FROM identity_profilemove AS m WHERE m.origin_id = given.id AND {own})"
        f" OR EXISTS (SELECT 1 FROM identity_profilemove AS m WHERE m.target_id = given.id AND {own})"
        f" OR EXISTS (SELECT 1 FROM identity_profilemove AS s {there} m.origin_id = s.origin_id WHERE {home} AND {meanwhile})"
        f" OR EXISTS (SELECT 1 FROM identity_profilemove AS s {there} m.target_id = s.origin_id WHERE {home} AND {meanwhile})"
        " OR EXISTS (SELECT 1 FROM identity_identifier AS i WHERE i.profile_id = given.id AND i.crowd > 0)",
        given.of(people),
    )
    return {row for (row,) in found}


def founded(profiles: Collection[int]) -> dict[int, tuple[Instant, int]]:
    """Return when each of these profiles was made, and the number of the touchpoint that brought its founder; one statement."""
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT p.id, p.created_at, i.first_number FROM {given}"
        " JOIN identity_profile AS p ON p.id = given.id JOIN identity_identifier AS i ON i.key = p.founder",
        given.of((each,) for each in profiles),
    )
    return {profile: (at, number) for profile, at, number in found}


def earliest(
    apart: Mapping[int, Instant], before: Mapping[int, Instant | None]
) -> dict[int, Instant]:
    """Return `apart` with what earlier slices of the same change found."""
    found = dict(apart)
    for profile, came in before.items():
        if came is not None:
            found[profile] = min(came, found.get(profile, came))
    return found


def _word(identifier: Identifier) -> str:
    """Write an identifier as it stands in a stored move."""
    return msgspec.json.encode(identifier.key).decode()
