"""Stage 4: who entered or left which audience, because of touchpoints, of identity, or of the clock.

Everything is seen at the end of a batch, as of the batch's *horizon*: the clock never runs ahead of touchpoints that were
received but not processed yet. The number of statements does not depend on the size of the batch.
"""

from collections.abc import Collection, Mapping, Sequence

from activation.audiences import live as lives
from activation.audiences import matching, membership, membership_rows, parted
from activation.audiences.live import Live, LiveAudience
from activation.audiences.matching import Found, Spot
from activation.audiences.membership import Look
from activation.audiences.reasons import Reasons
from activation.audiences.types import MembershipChange
from identity.clock import Instant
from identity.profiles import facts
from identity.profiles.types import Cause, Facts, Resolved
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext


def refresh(
    resolved: Resolved, people: Mapping[int, Facts], context: BatchContext
) -> list[MembershipChange]:
    """Bring the audiences of everybody in the batch up to date; return what changed."""
    live = lives.load()
    moment = context.moment
    found = matching.find(resolved.arrivals, live.predicates)
    looks = look_at(people, dict.fromkeys(people, moment), live, found)
    gone = resolved.moved - people.keys()
    reasons = Reasons(resolved, live, found, membership_rows.inside(gone), context.now)
    changes = membership.settle(looks, live, reasons.why, gone=gone, apart=resolved.apart)
    parted.note({one: at for one, at in resolved.apart.items() if one in people}, context.now)
    return changes


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
