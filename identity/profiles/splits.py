"""Who is a person of their own again, and since when they had been taken for one with others."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from identity.clock import Instant
from identity.profiles.moves import Move
from identity.sql import Rows, fetch
from identity.touchpoints.types import Identifier


def kinds(made: Sequence[Move], alive: Collection[int]) -> list[str]:
    """Return "merge" or "split" for each move. Whoever left a profile whole was merged; otherwise the profile was split."""
    exits = Counter(move.origin for move in made)
    return [
        "split" if move.origin in alive or exits[move.origin] > 1 else "merge" for move in made
    ]


def apart(
    made: Sequence[Move], kinds: Sequence[str], profiles: Mapping[Identifier, int]
) -> dict[int, Instant]:
    """Return the two sides of each split -> when those who leave now had come; one statement, none without a split.

    A side of several splits was itself before the first of them. `kinds`: of the moves, as above. `profiles`: founder -> row id.
    """
    splits = [
        (move.origin, profiles[move.founder], _word(move.identifiers[0]))
        for move, kind in zip(made, kinds, strict=True)
        if kind == "split"
    ]
    found: dict[int, Instant] = {}
    if splits:
        given = Rows("given", origin="bigint", target="bigint", word="text")
        for origin, target, came in fetch(
            f"SELECT given.origin, given.target, MAX(m.at) FROM {given}"
            " JOIN identity_profilemove AS m ON m.target_id = given.origin"
            " AND replace(m.identifiers, given.word, '') <> m.identifiers"
            " GROUP BY given.origin, given.target, given.word",
            given.of(splits),
        ):
            for profile in (origin, target):
                found[profile] = min(came, found.get(profile, came))
    return found


def moved(profiles: Collection[int], *, after: Instant) -> set[int]:
    """Return those of these profiles that gained or lost identifiers after a moment; one statement."""
    given = Rows("given", id="bigint")
    found = fetch(
        f"SELECT given.id FROM {given} WHERE EXISTS (SELECT 1 FROM identity_profilemove AS m"
        " WHERE m.origin_id = given.id AND m.at > %s) OR EXISTS (SELECT 1 FROM identity_profilemove AS m"
        " WHERE m.target_id = given.id AND m.at > %s)",
        [*given.of((each,) for each in profiles), after, after],
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
