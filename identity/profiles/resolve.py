"""Stage 2: who is who now.

The graph's partition is compared with the assignment stored here, so a retry after a crash computes the same difference. A
constant number of statements per batch.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from django.conf import settings

from identity.clock import Instant
from identity.graph import store
from identity.graph.evidence import carried
from identity.graph.policy import DEFAULT, Policy
from identity.graph.types import Neighbourhood, Recorded
from identity.profiles import assignment, crowds, showing, splits, unsettled
from identity.profiles.moves import Move, Place, Wanted, changed, moves, wanted
from identity.profiles.occasions import EVIDENCE_GONE, REBUILD, TOUCHPOINTS, Occasion
from identity.profiles.types import Arrival, Person, Resolved
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import BatchContext, Identifier, Touchpoint

REGROUP = "profiles.regroup"  # a lane command: bring these identifiers where the evidence says

_json = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Looked:
    """What is stored of the identifiers of a batch: `settled` ones, and the `crowds` of those that belong to one."""

    settled: frozenset[Identifier]
    crowds: Mapping[Identifier, int]

    def contested(self, touchpoints: Iterable[Touchpoint]) -> set[Identifier]:
        """Return the identifiers whose neighbourhoods stage 1 has to return whatever happens.

        Those where a link was refused before, those that were last looked at under another policy, those that have no profile yet
        (a lane may have died between stages 1 and 2), and those of crowds, which may be none any more.
        """
        return {
            each
            for one in touchpoints
            for each in carried(one)
            if each not in self.settled or each in self.crowds
        }

    def crowded(self, touchpoints: Iterable[Touchpoint]) -> dict[int, int]:
        """Return the numbers of the touchpoints that bring evidence about a crowd, each with the crowd's id."""
        if not self.crowds:
            return {}
        found = (
            (one.number, [self.crowds[each] for each in carried(one) if each in self.crowds])
            for one in touchpoints
        )
        return {number: min(crowds) for number, crowds in found if crowds}


def look(touchpoints: Sequence[Touchpoint], policy: Policy = DEFAULT) -> Looked:
    """Look up how the identifiers of a batch stand. One statement."""
    given = Rows("given", key="text")
    names = {each.key: each for touchpoint in touchpoints for each in carried(touchpoint)}
    rows = fetch(
        "SELECT known.key, known.crowd, NOT known.contested AND known.policy = %s"
        f" FROM {given} JOIN identity_identifier known ON known.key = given.key",
        [policy.version, *given.of([(key,) for key in names])],
    )
    return Looked(
        frozenset(names[key] for key, _, settled in rows if settled),
        {names[key]: crowd for key, crowd, _ in rows if crowd},
    )


def contested(touchpoints: Sequence[Touchpoint], policy: Policy = DEFAULT) -> set[Identifier]:
    """Return the contested identifiers of a batch, see Looked."""
    return look(touchpoints, policy).contested(touchpoints)


def resolve(
    touchpoints: Sequence[Touchpoint],
    recorded: Recorded,
    context: BatchContext,
    *,
    policy: Policy = DEFAULT,
    tied: Mapping[Identifier, int] | None = None,
) -> Resolved:
    """Bring the assignment up to date and say whose each touchpoint is.

    `tied`: identifiers that touchpoints which wait tie to a crowd, see crowds.put_off.
    """
    evidence = wanted(recorded.neighbourhoods, policy, most=settings.CROWD_LINKS, tied=tied)
    counting = [
        touchpoint
        for touchpoint in touchpoints
        if touchpoint.owner and recorded.first_numbers[touchpoint.id] == touchpoint.number
    ]
    here = assignment.places(evidence.targets)
    return _assign(evidence, here, counting, context, policy, occasion=TOUCHPOINTS)


def regroup(
    neighbourhoods: Iterable[Neighbourhood],
    context: BatchContext,
    *,
    newborn: bool = True,
    policy: Policy = DEFAULT,
    occasion: Occasion = REBUILD,
    deferred: Mapping[int, Instant | None] | None = None,
) -> Resolved:
    """Bring the assignment up to date without touchpoints: evidence was taken away, or the assignment is being repaired.

    Unless `newborn`, identifiers without a profile are left to the batch that will bring them. `deferred`: one of many slices (see
    identity.profiles.unsettled), with the profiles that those before left to this one, as in `Resolved`. Otherwise none is deferred.
    """
    evidence = wanted(neighbourhoods, policy, most=settings.CROWD_LINKS)
    here = assignment.places(evidence.targets)
    if not newborn:
        evidence.targets = {each: evidence.targets[each] for each in here}
        evidence.links = [link for link in evidence.links if link.a in here and link.b in here]
        evidence.decisions = [one for one in evidence.decisions if one.a in here and one.b in here]
    return _assign(evidence, here, (), context, policy, occasion=occasion, deferred=deferred)


# --- Difference ---------------------------------------------------------------------------------------------------------


def _assign(
    evidence: Wanted,
    here: Mapping[Identifier, Place],
    counting: Sequence[Touchpoint],
    context: BatchContext,
    policy: Policy,
    *,
    occasion: Occasion,
    deferred: Mapping[int, Instant | None] | None = None,
) -> Resolved:
    differing = changed(evidence, here)
    targets = {each: evidence.targets[each] for each in differing}
    profiles = assignment.profiles({each.founder for each in targets.values()}, context.now)
    assignment.write(targets, profiles, policy)
    crowds.keep(evidence, targets, here, context.now)
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
    moved = left | joined | (deferred or {}).keys()
    waiting = frozenset[int]() if deferred is None else unsettled.profiles(moved)
    members = assignment.members({touchpoint.owner for touchpoint in counting}, moved - waiting)
    made = moves(evidence, here)
    alive = {profile for _, _, profile in members} | waiting
    kinds = splits.kinds(made, alive)
    arrived = {each.key for each in coming}
    others = {profile for _, key, profile in members if key not in arrived}
    apart = splits.earliest(splits.apart(made, kinds, profiles, others), deferred or {})
    splits.note(made, profiles, context.now)
    occasions = [_occasion(move, here, occasion) for move in made]
    _remember(list(zip(made, kinds, occasions, strict=True)), profiles, context)
    found = _resolved(counting, members, frozenset(moved - waiting))
    newborn = {identifier.key for identifier in differing if identifier not in here}
    return replace(
        found,
        policy=policy,
        born=_born(joined - waiting, members, newborn),
        inherited=_inherited(made, profiles, alive),
        apart=apart,
        deferred={profile: apart.get(profile) for profile in waiting},
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
    found: dict[int, set[int]] = {}
    for move in made:
        if move.origin not in alive:
            found.setdefault(profiles[move.founder], set()).add(move.origin)
    return {target: frozenset(left) for target, left in found.items()}


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


# --- History ------------------------------------------------------------------------------------------------------------


def _occasion(move: Move, here: Mapping[Identifier, Place], doing: Occasion) -> Occasion:
    """Say of touchpoints that came to somebody before the slice that would have parted them that it was not they who did."""
    if doing != TOUCHPOINTS or move.joined or move.refused or move.decisions:
        return doing
    gone = any(here[each].policy == unsettled.MARK for each in move.identifiers)
    return EVIDENCE_GONE if gone else doing


def _remember(
    made: Sequence[tuple[Move, str, Occasion]],
    profiles: Mapping[Identifier, int],
    context: BatchContext,
) -> None:
    """Write the history."""
    if not made:
        return
    given = Rows(
        "given",
        kind="text",
        origin="bigint",
        target="bigint",
        identifiers="text",
        evidence="text",
        occasion="text",
        number="bigint",
    )
    execute(
        "INSERT INTO identity_profilemove (at, kind, origin_id, target_id, identifiers, evidence, occasion, number)"
        f" SELECT %s, kind, origin, target, identifiers, evidence, occasion, number FROM {given}",
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
                        *occasion,
                    )
                    for move, kind, occasion in made
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
