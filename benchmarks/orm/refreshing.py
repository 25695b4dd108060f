"""Stage 4 with the ORM: audiences entered and left."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db.models import F

from activation.audiences import matching
from activation.audiences.live import Live
from activation.audiences.matching import Found, Spot
from activation.audiences.membership import Look, next_look
from activation.audiences.models import Build, Match, Membership, MembershipLog, Recheck
from activation.audiences.reasons import Reasons
from activation.audiences.types import MembershipChange
from benchmarks.orm.rows import Keeper, instant
from identity.clock import Instant
from identity.profiles.types import Facts, Resolved
from identity.touchpoints.types import BatchContext


def refresh(
    keep: Keeper,
    live: Live,
    resolved: Resolved,
    people: Mapping[int, Facts],
    context: BatchContext,
) -> list[MembershipChange]:
    found = matching.find(resolved.arrivals, live.predicates)
    kept = matching.by_owner(_matches(keep, live, people, found, context.horizon))
    looks = {
        profile: Look(
            person, context.horizon, matching.counted(person.owners, kept, live.predicates)
        )
        for profile, person in people.items()
    }
    gone = resolved.moved - people.keys()
    inside: dict[int, dict[int, Membership]] = {}
    for row in keep.find(Membership, "profile_id", [*looks, *gone]):
        inside.setdefault(row.profile_id, {})[row.audience_id] = row
    left = {profile: set(inside.get(profile, ())) for profile in gone}
    reasons = Reasons(resolved, live, found, left, context.now)
    changes = _compare(looks, gone, live, inside, reasons)
    _store(keep, changes, inside)
    _rechecks(keep, looks, gone, live)
    return changes


def _matches(
    keep: Keeper,
    live: Live,
    people: Mapping[int, Facts],
    found: Mapping[Spot, Sequence[Found]],
    moment: Instant,
) -> dict[Spot, list[Found]]:
    """Keep the newest matches of each owner and predicate, as many as it needs."""
    owners = [owner for person in people.values() for owner in person.owners]
    stored: dict[Spot, dict[Found, Match]] = {}
    for row in keep.find(Match, "owner_id", owners):
        spot = row.owner_id, row.predicate_id
        stored.setdefault(spot, {})[Found(instant(row.at), row.touchpoint)] = row
    kept: dict[Spot, list[Found]] = {}
    added, dropped = [], []
    for spot in stored.keys() | found.keys():
        predicate, old = live.predicates[spot[1]], stored.get(spot, {})
        inside = [
            one for one in {*old, *found.get(spot, ())} if one.at > moment - predicate.window
        ]
        kept[spot] = sorted(inside, reverse=True)[: predicate.at_least]
        added += [_match(spot, one) for one in kept[spot] if one not in old]
        dropped += [row for one, row in old.items() if one not in kept[spot]]
    keep.put(added)
    keep.drop(dropped)
    return kept


def _match(spot: Spot, one: Found) -> Match:
    return Match(owner_id=spot[0], predicate_id=spot[1], touchpoint=one.touchpoint, at=one.at)


def _compare(
    looks: Mapping[int, Look],
    gone: Iterable[int],
    live: Live,
    inside: Mapping[int, Mapping[int, Membership]],
    reasons: Reasons,
) -> list[MembershipChange]:
    changes = []
    for profile, look in looks.items():
        for audience in live.ruled:
            was = audience.id in inside.get(profile, {})
            holds = audience.rule.holds(look.facts.traits, look.facts, look.matches, look.moment)
            if holds is not was:
                at, cause = reasons.why(profile, audience)
                changes.append(MembershipChange(audience.id, profile, holds, at, cause))
    for profile in gone:
        for left in sorted(inside.get(profile, {})):
            at, cause = reasons.why(profile, None)
            changes.append(MembershipChange(left, profile, entered=False, at=at, cause=cause))
    return changes


def _store(
    keep: Keeper,
    changes: Sequence[MembershipChange],
    inside: Mapping[int, Mapping[int, Membership]],
) -> None:
    keep.put(
        [
            Membership(
                audience_id=one.audience,
                profile_id=one.profile,
                since=one.at,
                cause=one.cause.value,
            )
            for one in changes
            if one.entered
        ]
    )
    keep.drop([inside[one.profile][one.audience] for one in changes if not one.entered])
    keep.put(
        [
            MembershipLog(
                audience_id=one.audience,
                profile_id=one.profile,
                since=one.at if one.entered else None,
                entered=one.entered,
                at=one.at,
                cause=one.cause.value,
                why=one.cause.value if one.entered else "",
            )
            for one in changes
        ]
    )
    sizes: Counter[int] = Counter()
    for one in changes:
        sizes[one.audience] += 1 if one.entered else -1
    for audience, change in sizes.items():
        Build.objects.filter(pk=audience).update(size=F("size") + change)


def _rechecks(keep: Keeper, looks: Mapping[int, Look], gone: Collection[int], live: Live) -> None:
    stored = {row.profile_id: row for row in keep.find(Recheck, "pk", [*looks, *gone])}
    rows, idle = [], [row for profile, row in stored.items() if profile in gone]
    for profile, look in looks.items():
        due, row = next_look(look, live, {}), stored.get(profile)
        if due is None and row is not None:
            idle.append(row)
        elif due is not None and (row is None or instant(row.due_at) != due):
            row = row or Recheck(profile_id=profile)
            row.due_at = due
            rows.append(row)
    keep.put(rows, "due_at")
    keep.drop(idle)
