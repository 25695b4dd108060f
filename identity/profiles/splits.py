"""Whom a split makes what they were before, and since when they had not been that; and who ever was where."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from identity.clock import Instant
from identity.profiles.moves import Move
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier

LOOKED_UP = 200  # identifiers in one batch, and one of each move
_LAST = "SELECT MAX(p.moved_at) FROM identity_passage AS p WHERE p.identifier_id = i.id"


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
    parting = [move for move, kind in zip(made, kinds, strict=True) if kind == "split"]
    some = max(1, LOOKED_UP // max(1, len(parting)))
    leaving = [
        (move.origin, profiles[move.founder], each.key)
        for move in parting
        for each in move.identifiers[:some]
    ]
    since: dict[int, Instant] = {}
    for origin, target, came, gone in _times(leaving):
        back = gone if gone is not None or target in others else came
        for side, at in ((origin, came), (target, back)):
            if at is not None:
                since[side] = min(at, since.get(side, at))
    return since


def _times(
    leaving: Sequence[tuple[int, int, str]],
) -> list[tuple[int, int, Instant | None, Instant | None]]:
    """Return origin, target, when those who leave the origin had come to it, and when they had gone from the target."""
    if not leaving:
        return []
    given = Rows("given", origin="bigint", target="bigint", key="text")
    return fetch(
        "SELECT origin, target, MIN(came), MIN(gone) FROM (SELECT given.origin AS origin, given.target AS target,"
        f" ({_LAST} AND p.target = given.origin) AS came, ({_LAST} AND p.origin = given.target) AS gone"
        f" FROM {given} JOIN identity_identifier AS i ON i.key = given.key) AS looked_up"
        " GROUP BY origin, target",
        given.of(leaving),
    )


def note(made: Iterable[Move], profiles: Mapping[Identifier, int], now: Instant) -> None:
    """Note who went where, for those who ask later since when; one statement, none without a move. `profiles`: founder -> row id."""
    gone = [
        (each.key, move.origin, profiles[move.founder])
        for move in made
        for each in move.identifiers
    ]
    if not gone:
        return
    given = Rows("given", key="text", origin="bigint", target="bigint")
    execute(
        "INSERT INTO identity_passage (identifier_id, origin, target, moved_at)"
        f" SELECT i.id, given.origin, given.target, %s FROM {given}"
        " JOIN identity_identifier AS i ON i.key = given.key WHERE true"
        " ON CONFLICT (identifier_id, origin, target) DO UPDATE SET moved_at = excluded.moved_at",
        [now, *given.of(gone)],
    )


def homes(keys: Iterable[str]) -> set[int]:
    """Return the profiles in which these identifiers are, and those that they ever came to or left; one statement.

    Whoever a move names (it goes along, or is an end of evidence) was in one of its two profiles, before or behind it.
    """
    given = Rows("given", key="text")
    mine = f"{given} JOIN identity_identifier AS i ON i.key = given.key"
    passed = f"{mine} JOIN identity_passage AS p ON p.identifier_id = i.id"
    found = fetch(
        f"SELECT i.profile_id FROM {mine} UNION SELECT p.origin FROM {passed} UNION SELECT p.target FROM {passed}",
        given.of((each,) for each in keys) * 3,
    )
    return {row for (row,) in found}


def page(profile: int, after: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Return the next moves from and to a profile, behind one of `after`, as (time, row id), in that order; one statement."""
    ends = " UNION ".join(
        f"SELECT at, id FROM (SELECT at, id FROM identity_profilemove WHERE {end} = %s AND at >= %s AND (at > %s OR id > %s)"
        f" ORDER BY at, id LIMIT %s) AS {end}"
        for end in ("origin_id", "target_id")
    )
    at, row = after
    return fetch(f"{ends} ORDER BY at, id LIMIT %s", [*[profile, at, at, row, limit] * 2, limit])


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
