"""Stage 2: who is who now.

The graph's partition is compared with the assignment stored here, so a retry after a crash computes the same difference. A
constant number of statements per batch.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from django.conf import settings

from identity.graph import store
from identity.graph.evidence import carried
from identity.graph.policy import DEFAULT, Policy
from identity.graph.types import Neighbourhood, Recorded
from identity.privacy import tombstones
from identity.privacy.keys import keys_at
from identity.profiles import showing, splits
from identity.profiles.moves import Move, Place, Wanted, changed, moves, wanted
from identity.profiles.types import Arrival, Person, Resolved
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import BatchContext, Identifier, Touchpoint

REGROUP = "profiles.regroup"  # a lane command: bring these identifiers where the evidence says

_json = msgspec.json.Encoder(order="deterministic")


def contested(touchpoints: Sequence[Touchpoint]) -> set[Identifier]:
    """Return the identifiers whose neighbourhoods stage 1 has to return whatever happens.

    Those where a link was refused before, and those that have no profile yet (a lane may have died between stages 1 and 2).
    """
    given = Rows("given", key="text")
    names = {each.key: each for touchpoint in touchpoints for each in carried(touchpoint)}
    settled = fetch(
        f"SELECT known.key FROM {given} JOIN identity_identifier known ON known.key = given.key"
        " WHERE NOT known.contested",
        given.of([(key,) for key in names]),
    )
    return {names[key] for key in names.keys() - {key for (key,) in settled}}


def resolve(
    touchpoints: Sequence[Touchpoint],
    recorded: Recorded,
    context: BatchContext,
    *,
    policy: Policy = DEFAULT,
) -> Resolved:
    """Bring the assignment up to date and say whose each touchpoint is."""
    evidence = wanted(recorded.neighbourhoods, policy)
    counting = [
        touchpoint
        for touchpoint in touchpoints
        if touchpoint.owner and recorded.first_numbers[touchpoint.id] == touchpoint.number
    ]
    return _assign(evidence, places(evidence.targets), counting, context, policy)


def regroup(
    neighbourhoods: Iterable[Neighbourhood],
    context: BatchContext,
    *,
    newborn: bool = True,
    policy: Policy = DEFAULT,
) -> Resolved:
    """Bring the assignment up to date without touchpoints: evidence was taken away, or the assignment is being repaired.

    Unless `newborn`, identifiers without a profile are left to the batch that will bring them.
    """
    evidence = wanted(neighbourhoods, policy)
    here = places(evidence.targets)
    if not newborn:
        evidence.targets = {each: evidence.targets[each] for each in here}
        evidence.links = [link for link in evidence.links if link.a in here and link.b in here]
        evidence.decisions = [one for one in evidence.decisions if one.a in here and one.b in here]
    return _assign(evidence, here, (), context, policy)


def uids_of(founders: Iterable[Identifier]) -> list[str]:
    """Return the ids of the profiles that these identifiers found, in this installation; after an erasure they are others than before."""
    namespace = keys_at(settings.KEYS_FILE).profile_namespace
    keys = [founder.key for founder in founders]
    generations = tombstones.generations(keys)
    names = (f"{key}\0{generations[key]}" if key in generations else key for key in keys)
    return [str(uuid.uuid5(namespace, name)) for name in names]


# --- Difference ---------------------------------------------------------------------------------------------------------


def _assign(
    evidence: Wanted,
    here: Mapping[Identifier, Place],
    counting: Sequence[Touchpoint],
    context: BatchContext,
    policy: Policy,
) -> Resolved:
    differing = changed(evidence, here)
    profiles = _profiles({evidence.targets[each].founder for each in differing}, context)
    _write(differing, evidence, profiles, policy)
    left = {
        here[each].profile
        for each in differing
        if each in here and here[each].founder != evidence.targets[each].founder
    }
    coming = {
        each
        for each in differing
        if each not in here or here[each].founder != evidence.targets[each].founder
    }
    joined = {profiles[evidence.targets[each].founder] for each in coming}
    if store().shows_members:
        showing.note(coming, context.now)
    members = _members({touchpoint.owner for touchpoint in counting}, left | joined)
    made = moves(evidence, here)
    alive = {profile for _, _, profile in members}
    apart = splits.apart(made, profiles, alive)
    _remember(made, profiles, alive, context)
    found = _resolved(counting, members, frozenset(left | joined))
    newborn = {identifier.key for identifier in differing if identifier not in here}
    return replace(
        found,
        born=_born(joined, members, newborn),
        inherited=_inherited(made, profiles, found.people),
        apart=apart,
    )


def _born(
    joined: Collection[int], members: Iterable[tuple[int, str, int]], newborn: Collection[str]
) -> frozenset[int]:
    """Return the profiles all of whose identifiers came up in this batch."""
    older = {profile for _, key, profile in members if key not in newborn}
    return frozenset(joined) - older


def _inherited(
    made: Iterable[Move], profiles: Mapping[Identifier, int], alive: Collection[int]
) -> dict[int, frozenset[int]]:
    """Return, per profile, those that were left empty and gave it their identifiers."""
    found: dict[int, frozenset[int]] = {}
    for move in made:
        if move.origin not in alive:
            target = profiles[move.founder]
            found[target] = found.get(target, frozenset()) | {move.origin}
    return found


def _resolved(
    counting: Sequence[Touchpoint],
    members: Sequence[tuple[int, str, int]],
    moved: frozenset[int],
) -> Resolved:
    identifiers = {row: Identifier.of(key) for row, key, _ in members}
    rows = {identifier: row for row, identifier in identifiers.items()}
    owners: dict[int, list[int]] = {}
    home = {}
    for row, _, profile in members:
        owners.setdefault(profile, []).append(row)
        home[row] = profile
    arrivals = [
        Arrival(touchpoint, rows[touchpoint.owner], home[rows[touchpoint.owner]])
        for touchpoint in sorted(counting, key=lambda each: each.number)
        if touchpoint.owner
    ]
    people = {profile: Person(profile, tuple(sorted(each))) for profile, each in owners.items()}
    return Resolved(arrivals, moved, people, identifiers)


# --- Rows ---------------------------------------------------------------------------------------------------------------


def places(identifiers: Collection[Identifier]) -> dict[Identifier, Place]:
    """Read where these identifiers are stored to be."""
    if not identifiers:
        return {}
    given = Rows("given", key="text")
    names = _Names({each.key: each for each in identifiers})
    rows = fetch(
        "SELECT i.key, i.profile_id, p.founder, i.first_number, i.contested"
        f" FROM {given} JOIN identity_identifier i ON i.key = given.key"
        " JOIN identity_profile p ON p.id = i.profile_id",
        given.of([(key,) for key in names]),
    )
    return {
        names[key]: Place(profile, names[founder], number, bool(flag))
        for key, profile, founder, number, flag in rows
    }


class _Names(dict[str, Identifier]):
    """Identifiers by key, each made once."""

    def __missing__(self, key: str) -> Identifier:
        made = self[key] = Identifier.of(key)
        return made


def _profiles(founders: Collection[Identifier], context: BatchContext) -> dict[Identifier, int]:
    """Return the row id of each founder's profile; one that was there before is found again."""
    if not founders:
        return {}
    given = Rows("given", uid="text", founder="text")
    names = {each.key: each for each in sorted(founders)}
    rows = fetch(
        "INSERT INTO identity_profile (uid, founder, created_at)"
        f" SELECT uid, founder, %s FROM {given} WHERE true"
        " ON CONFLICT (uid) DO UPDATE SET founder = excluded.founder RETURNING founder, id",
        [context.now, *given.of(list(zip(uids_of(names.values()), names, strict=True)))],
    )
    return {names[founder]: row for founder, row in rows}


def _write(
    differing: Collection[Identifier],
    evidence: Wanted,
    profiles: Mapping[Identifier, int],
    policy: Policy,
) -> None:
    if not differing:
        return
    given = Rows(
        "given",
        key="text",
        namespace="text",
        kind="text",
        priority="bigint",
        first_number="bigint",
        profile_id="bigint",
        contested="boolean",
    )
    rows = []
    for identifier in sorted(differing):
        rules, target = policy[identifier.namespace], evidence.targets[identifier]
        rows.append(
            (
                identifier.key,
                identifier.namespace,
                rules.kind.value,
                rules.priority,
                target.first_number,
                profiles[target.founder],
                target.contested,
            )
        )
    execute(
        f"""
        INSERT INTO identity_identifier
            (key, namespace, kind, priority, first_number, profile_id, contested)
        SELECT key, namespace, kind, priority, first_number, profile_id, contested
        FROM {given} WHERE true
        ON CONFLICT (key) DO UPDATE SET
            first_number = excluded.first_number,
            profile_id = excluded.profile_id,
            contested = excluded.contested
        """,
        given.of(rows),
    )


def _members(
    owners: Collection[Identifier | None], profiles: Collection[int]
) -> list[tuple[int, str, int]]:
    """Return (id, key, profile) of every identifier of these owners' profiles and of these profiles."""
    if not owners and not profiles:
        return []
    one, two = Rows("one", key="text"), Rows("two", id="bigint")
    return fetch(
        "SELECT id, key, profile_id FROM identity_identifier WHERE NOT forgotten AND profile_id IN ("
        f" SELECT owner.profile_id FROM {one}"
        " JOIN identity_identifier owner ON owner.key = one.key"
        f" UNION SELECT id FROM {two}) ORDER BY id",
        [
            *one.of([(owner.key,) for owner in owners if owner]),
            *two.of([(profile,) for profile in profiles]),
        ],
    )


def _remember(
    made: Sequence[Move],
    profiles: Mapping[Identifier, int],
    alive: Collection[int],
    context: BatchContext,
) -> None:
    """Write the history."""
    if not made:
        return
    given = Rows(
        "given", kind="text", origin="bigint", target="bigint", identifiers="text", evidence="text"
    )
    execute(
        "INSERT INTO identity_profilemove (at, kind, origin_id, target_id, identifiers, evidence)"
        f" SELECT %s, kind, origin, target, identifiers, evidence FROM {given}",
        [
            context.now,
            *given.of(
                [
                    (
                        kind,
                        move.origin,
                        profiles[move.founder],
                        _json.encode([each.key for each in move.identifiers]).decode(),
                        evidence_of(move),
                    )
                    for move, kind in zip(made, splits.kinds(made, alive), strict=True)
                ]
            ),
        ],
    )


def evidence_of(move: Move) -> str:
    """Return the JSON that is stored with a move: the links that joined, those that were refused, and what people decided."""
    told: dict[str, list[dict[str, Any]]] = {
        "joined": [
            {
                "a": link.a.key,
                "b": link.b.key,
                "source": link.source,
                "first_seen": link.first_seen,
                "last_seen": link.last_seen,
                "count": link.count,
            }
            for link in move.joined
        ],
        "refused": [
            {"a": link.a.key, "b": link.b.key, "reason": link.reason} for link in move.refused
        ],
    }
    if move.decisions:
        told["decided"] = [
            {"a": one.a.key, "b": one.b.key, "verdict": one.verdict, "number": one.number}
            for one in move.decisions
        ]
    return _json.encode(told).decode()
