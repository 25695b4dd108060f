"""Stage 4: who entered or left which audience, because of touchpoints, of identity, or of the clock.

Everything is seen at the end of a batch, as of the batch's *horizon*: the clock never runs ahead of touchpoints that were
received but not processed yet. The number of statements does not depend on the size of the batch.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from activation.audiences import live as lives
from activation.audiences import matching, membership, membership_rows
from activation.audiences.live import Live, LiveAudience
from activation.audiences.matching import Found, Spot
from activation.audiences.membership import Look
from activation.audiences.rules import Counter
from activation.audiences.types import MembershipChange
from identity.clock import Instant
from identity.profiles import facts, orders
from identity.profiles.folding import presence
from identity.profiles.types import Arrival, Cause, Facts, Resolved
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext, Touchpoint


def refresh(
    resolved: Resolved, people: Mapping[int, Facts], context: BatchContext
) -> list[MembershipChange]:
    """Bring the audiences of everybody in the batch up to date; return what changed."""
    live = lives.load()
    moment = moment_of(context)
    found = matching.find(resolved.arrivals, live.predicates)
    looks = look_at(people, dict.fromkeys(people, moment), live, found)
    gone = resolved.moved - people.keys()
    reasons = Reasons(resolved, live, found, membership_rows.inside(gone), context.now)
    return membership.settle(looks, live, reasons.why, gone=gone, apart=resolved.apart)


def due(context: BatchContext, limit: int) -> list[MembershipChange]:
    """Look again at up to `limit` profiles whose time has come, each as of the very instant that was set for it."""
    rows = fetch(
        "SELECT profile_id, due_at FROM activation_recheck"
        " WHERE due_at <= %s ORDER BY due_at, profile_id LIMIT %s",
        [context.horizon, limit],
    )
    if not rows:
        return []
    moments: dict[int, Instant] = dict(rows)
    live = lives.load()
    people = facts.of(moments)
    looks = look_at(people, moments, live, {})

    def why(profile: int, audience: LiveAudience | None) -> tuple[Instant, Cause]:
        if profile not in people:
            return moments[profile], Cause.IDENTITY
        return moments[profile], Cause.HAND if audience is None else Cause.CLOCK

    return membership.settle(looks, live, why, gone=moments.keys() - people.keys())


def put_off(context: BatchContext, until: Instant) -> int | None:
    """Look at the profile whose time came first only later: it cannot be looked at now. Return it, None when none is due."""
    rows = fetch(
        "SELECT profile_id FROM activation_recheck WHERE due_at <= %s ORDER BY due_at, profile_id LIMIT 1",
        [context.horizon],
    )
    for (profile,) in rows:
        membership_rows.set_rechecks({profile: until})
    return rows[0][0] if rows else None


def moment_of(context: BatchContext) -> Instant:
    """Return the instant as of which a batch sees its people; a single row tried again has no horizon of its own."""
    return context.horizon or context.now


def look_at(
    people: Mapping[int, Facts],
    moments: Mapping[int, Instant],
    live: Live,
    found: Mapping[Spot, Sequence[Found]],
) -> dict[int, Look]:
    """Gather what rules read of these people, and store the matches found."""
    owners = {owner: moments[one] for one, person in people.items() for owner in person.owners}
    mine = {spot: matches for spot, matches in found.items() if spot[0] in owners}
    kept = (
        matching.by_owner(matching.keep(owners, mine, live.predicates)) if live.predicates else {}
    )
    hands = by_hand(owners) if live.manual else {}
    return {
        profile: Look(
            person,
            moments[profile],
            matching.counted(person.owners, kept, live.predicates) if kept else {},
            frozenset().union(*(hands.get(owner, ()) for owner in person.owners))
            if hands
            else frozenset(),
        )
        for profile, person in people.items()
    }


def by_hand(owners: Collection[int]) -> dict[int, set[int]]:
    """Return the audiences that these owners were put into by hand."""
    rows = Rows("owners", owner="bigint")
    hands: dict[int, set[int]] = {}
    for owner, audience in fetch(
        f"SELECT m.owner_id, m.audience_id FROM {rows}"
        " JOIN activation_manualmember AS m ON m.owner_id = owners.owner",
        rows.of((owner,) for owner in owners),
    ):
        hands.setdefault(owner, set()).add(audience)
    return hands


class Reasons:
    """Why a membership changed in a batch.

    A touchpoint is the cause when it brought something that the rule reads, or somebody new, of whom the rule holds as they are.
    Otherwise the profile itself changed (a merge, a split), or a window ended before the clock's own turn came. Who takes over
    from a profile that was in, and is no more, is in by identity: nothing happened to the person that had not happened before.
    Who was inside before a rule was put in force, but not looked at yet, is in by rule.
    """

    def __init__(
        self,
        resolved: Resolved,
        live: Live,
        found: Mapping[Spot, Sequence[Found]],
        left: Mapping[int, Collection[int]],
        now: Instant,
    ) -> None:
        self._moved = resolved.moved
        self._born = resolved.born
        self._before = {
            profile: {audience for one in emptied for audience in left.get(one, ())}
            for profile, emptied in resolved.inherited.items()
        }
        self._now = now
        self._live = live
        self._arrivals = _by_profile(resolved.arrivals)
        self._found: dict[int, set[int]] = defaultdict(set)
        for owner, predicate in found:
            self._found[owner].add(predicate)

    def why(self, profile: int, audience: LiveAudience | None) -> tuple[Instant, Cause]:
        return self._now, self._cause(profile, audience)

    def _cause(self, profile: int, audience: LiveAudience | None) -> Cause:
        if audience is None:
            return Cause.IDENTITY if profile in self._moved else Cause.HAND
        if audience.awaits(profile):
            return Cause.RULE
        if audience.id in self._before.get(profile, ()):
            return Cause.IDENTITY
        arrivals = self._arrivals.get(profile, ())
        if arrivals and profile in self._born:
            return Cause.TOUCHPOINT
        if any(self._touches(arrival, audience) for arrival in arrivals):
            return Cause.TOUCHPOINT
        return Cause.IDENTITY if profile in self._moved else Cause.CLOCK

    def _touches(self, arrival: Arrival, audience: LiveAudience) -> bool:
        rule = audience.rule
        if not rule.traits.isdisjoint(arrival.touchpoint.traits):
            return True
        if any(_counts(counter, arrival.touchpoint) for counter in rule.counters):
            return True
        return any(
            self._live.predicates[predicate].key in rule.keys
            for predicate in self._found[arrival.owner]
        )


def _counts(counter: Counter, touchpoint: Touchpoint) -> bool:
    """Tell whether a touchpoint is of the kind that a counter follows."""
    if counter is Counter.FIRST_SEEN:
        return True
    if counter is Counter.LAST_SEEN:
        return presence.acts(touchpoint)
    return orders.counts(touchpoint)


def _by_profile(arrivals: Iterable[Arrival]) -> dict[int, list[Arrival]]:
    sorted_out: dict[int, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        sorted_out[arrival.profile].append(arrival)
    return sorted_out
