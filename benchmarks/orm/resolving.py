"""Stage 2 with the ORM: the assignment of identifiers to profiles."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import msgspec

from benchmarks.orm.rows import Keeper
from identity.graph.policy import DEFAULT
from identity.graph.types import Recorded
from identity.profiles.assignment import uids_of
from identity.profiles.models import Identifier as IdentifierRow
from identity.profiles.models import Profile, ProfileMove
from identity.profiles.moves import Move, Place, Wanted, changed, moves, wanted
from identity.profiles.occasions import Doing
from identity.profiles.resolve import evidence_of
from identity.profiles.types import Arrival, Person, Resolved
from identity.touchpoints.types import BatchContext, Identifier, Touchpoint

Known = dict[Identifier, IdentifierRow]


def contested(keep: Keeper, touchpoints: Sequence[Touchpoint]) -> set[Identifier]:
    """Return the identifiers without a profile, and those of profiles where a link was refused."""
    names = {each.key: each for one in touchpoints for each in one.identifiers}
    found = keep.find(IdentifierRow, "key", names)
    return {names[key] for key in names.keys() - {row.key for row in found if not row.contested}}


def resolve(
    keep: Keeper, touchpoints: Sequence[Touchpoint], recorded: Recorded, context: BatchContext
) -> Resolved:
    evidence = wanted(recorded.neighbourhoods, DEFAULT)
    stored = keep.find(IdentifierRow, "key", [each.key for each in evidence.targets])
    known: Known = {Identifier.of(row.key): row for row in stored}
    homes = keep.find(Profile, "pk", {row.profile_id for row in stored})
    founders = {row.pk: Identifier.of(row.founder) for row in homes}
    here = {
        each: Place(
            row.profile_id,
            founders[row.profile_id],
            row.first_number,
            row.contested,
            undecided=row.undecided,
        )
        for each, row in known.items()
    }
    differing = changed(evidence, here)
    profiles = _profiles(keep, {evidence.targets[each].founder for each in differing}, context)
    moving = [each for each in differing if _moves(each, here, evidence)]
    left = {here[each].profile for each in moving if each in here}
    joined = {profiles[evidence.targets[each].founder] for each in moving}
    _assign(keep, differing, evidence, profiles, known)
    counting = [one for one in touchpoints if one.owner and _counts(one, recorded)]
    members = _members(keep, counting, left | joined)
    made = moves(evidence, here)
    _remember(keep, made, profiles, members, context)
    found = _resolved(counting, members, frozenset(left | joined))
    newborn = {each.key for each in differing if each not in here}
    older = {row.profile_id for row in members if row.key not in newborn}
    inherited = _inherited(made, profiles, found.people)
    return replace(found, born=frozenset(joined) - older, inherited=inherited)


def _inherited(
    made: Iterable[Move], profiles: Mapping[Identifier, int], alive: Collection[int]
) -> dict[int, frozenset[int]]:
    found: dict[int, frozenset[int]] = {}
    for move in made:
        if move.origin not in alive:
            target = profiles[move.founder]
            found[target] = found.get(target, frozenset()) | {move.origin}
    return found


def _counts(touchpoint: Touchpoint, recorded: Recorded) -> bool:
    return recorded.first_numbers[touchpoint.id] == touchpoint.number


def _moves(each: Identifier, here: Mapping[Identifier, Place], evidence: Wanted) -> bool:
    return each not in here or here[each].founder != evidence.targets[each].founder


def _profiles(
    keep: Keeper, founders: Collection[Identifier], context: BatchContext
) -> dict[Identifier, int]:
    ordered = sorted(founders)
    uids = dict(zip(uids_of(ordered), ordered, strict=True))
    found = {row.uid: row for row in keep.find(Profile, "uid", uids)}
    new = [
        Profile(uid=uid, founder=founder.key, created_at=context.now)
        for uid, founder in uids.items()
        if uid not in found
    ]
    keep.put(new)
    return {uids[row.uid]: row.pk for row in (*found.values(), *new)}


def _assign(
    keep: Keeper,
    differing: Iterable[Identifier],
    evidence: Wanted,
    profiles: Mapping[Identifier, int],
    known: Known,
) -> None:
    rows = []
    for each in sorted(differing):
        target, rules = evidence.targets[each], DEFAULT[each.namespace]
        row = known.get(each) or IdentifierRow(
            key=each.key,
            namespace=each.namespace,
            kind=rules.kind.value,
            priority=rules.priority,
        )
        row.first_number = target.first_number
        row.profile_id = profiles[target.founder]
        row.contested = target.contested
        row.undecided = target.undecided
        rows.append(row)
    keep.put(rows, "first_number", "profile", "contested", "undecided")


def _members(
    keep: Keeper, counting: Iterable[Touchpoint], profiles: Collection[int]
) -> list[IdentifierRow]:
    owners = keep.find(IdentifierRow, "key", [one.owner.key for one in counting if one.owner])
    everybody = {row.profile_id for row in owners} | set(profiles)
    return sorted(keep.find(IdentifierRow, "profile_id", everybody), key=lambda row: row.pk)


def _remember(
    keep: Keeper,
    made: Sequence[Move],
    profiles: Mapping[Identifier, int],
    members: Iterable[IdentifierRow],
    context: BatchContext,
) -> None:
    alive = {row.profile_id for row in members}
    exits = Counter(move.origin for move in made)
    rows = [
        ProfileMove(
            at=context.now,
            kind="split" if move.origin in alive or exits[move.origin] > 1 else "merge",
            origin_id=move.origin,
            target_id=profiles[move.founder],
            identifiers=msgspec.json.encode([each.key for each in move.identifiers]).decode(),
            evidence=evidence_of(move),
            occasion=Doing.TOUCHPOINTS,
        )
        for move in made
    ]
    keep.put(rows)


def _resolved(
    counting: Iterable[Touchpoint], members: Iterable[IdentifierRow], moved: frozenset[int]
) -> Resolved:
    identifiers = {row.pk: Identifier.of(row.key) for row in members}
    rows = {Identifier.of(row.key): row for row in members}
    owners: dict[int, list[int]] = {}
    for row in members:
        owners.setdefault(row.profile_id, []).append(row.pk)
    arrivals = [
        Arrival(one, rows[one.owner].pk, rows[one.owner].profile_id)
        for one in counting
        if one.owner
    ]
    people = {profile: Person(profile, tuple(each)) for profile, each in owners.items()}
    return Resolved(arrivals, moved, people, identifiers)
