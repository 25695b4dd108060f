"""Since when people are in their audiences whom a split makes what they were before.

Noted with the split, found out behind it, a few at a time: what they did is read from the graph store. See docs/decisions/0016.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from activation.audiences import live as lives
from activation.audiences import membership_rows
from activation.audiences.live import Live
from activation.audiences.membership_rows import Held, Since
from activation.audiences.replaying import Then, replay
from identity.clock import Instant
from identity.profiles import facts, splits
from identity.profiles.types import Cause, Facts
from identity.sql import Rows, execute, fetch
from identity.touchpoints import aside, lane
from identity.touchpoints.types import BatchContext, Touchpoint

MOST = 2_000  # touchpoints of a person; whoever has more keeps what the split gave back
SLICE = 20  # people at once, with as many touchpoints together as one may have


class Waiting(NamedTuple):
    """A profile that is parted, from when until when it was not as it is now."""

    profile: int
    came: Instant
    parted: Instant


class _Person(NamedTuple):
    facts: Facts
    told: Sequence[Then]
    came: Instant
    founded: int = 0


# --- Who waits ----------------------------------------------------------------------------------------------------------


def note(apart: Mapping[int, Instant], now: Instant) -> None:
    """Note that these are to be replayed, in the transaction that parts them; one statement, none without a split."""
    if not apart:
        return
    rows = Rows("given", profile="bigint", came="bigint")
    execute(
        "INSERT INTO activation_replay (profile_id, came_at, parted_at)"
        f" SELECT profile, came, %s FROM {rows} WHERE true"
        " ON CONFLICT (profile_id) DO UPDATE SET came_at = excluded.came_at, parted_at = excluded.parted_at",
        [now, *rows.of(apart.items())],
    )


def waiting(limit: int) -> list[Waiting]:
    """Return who is to be replayed next."""
    found = fetch(
        "SELECT profile_id, came_at, parted_at FROM activation_replay ORDER BY profile_id LIMIT %s",
        [min(limit, SLICE)],
    )
    return [Waiting(*row) for row in found]


def keep(people: Collection[Waiting], since: Since) -> None:
    """Write what was found out about these people, who wait no more; in the caller's transaction."""
    membership_rows.correct(since)
    rows = Rows("given", profile="bigint")
    execute(
        f"DELETE FROM activation_replay WHERE profile_id IN (SELECT profile FROM {rows})",
        rows.of((one.profile,) for one in people),
    )


# --- Finding out --------------------------------------------------------------------------------------------------------


def since(
    people: Collection[Waiting], told: Mapping[int, Sequence[Touchpoint]], context: BatchContext
) -> Since:
    """Return since when these people are in their audiences, and why; a constant number of statements, outside of a transaction.

    `told`: profile -> all touchpoints of theirs. About whoever is not in it, or is restless, nothing is said.
    """
    restless = splits.restless(people)
    came = {
        one.profile: one.came
        for one in people
        if one.profile in told and one.profile not in restless
    }
    if not came:
        return {}
    live, built, before = lives.load(), lives.built(), membership_rows.before(came)
    by_hand = _by_hand(came)
    held: dict[tuple[int, int], Held] = {}
    for person in _people(came, told):
        profile, moment = person.facts.profile, person.came
        known = {one for one, at in built.items() if at < moment}
        found = replay(
            person.facts,
            person.told,
            {one: why for one, why in before.get(profile, {}).items() if one in known},
            _steady(live, known),
            since=moment,
            until=context.moment,
            founded=person.founded,
        )
        held |= {(audience, profile): why for audience, why in found.items()}
        held |= {
            (audience, profile): why
            for audience, why in by_hand.get(profile, ())
            if audience in built and built[audience] < why[0]
        }
    return held


def _people(
    came: Mapping[int, Instant], told: Mapping[int, Sequence[Touchpoint]]
) -> Iterator[_Person]:
    """Leave out whose profile is younger than the merge, and was not founded by anything of theirs since."""
    folded = aside.without([one for profile in came for one in told[profile]])
    times = lane.moments(folded)
    kept = {one.number for one in folded}
    founded = splits.founded(came)
    for profile, person in facts.of(came).items():
        mine = [
            Then(*times.get(one.number, (one.received_at, one.received_at)), one)
            for one in told[profile]
            if one.number in kept
        ]
        made, first = founded.get(profile, (came[profile], 0))
        if made < came[profile]:
            yield _Person(person, mine, came[profile])
        elif any(one.touchpoint.number == first for one in mine if one.now >= came[profile]):
            yield _Person(person, mine, came[profile], first)


def _steady(live: Live, audiences: Collection[int]) -> Live:
    """Leave out audiences that were built after the merge, or are being built."""
    return live.only([one.id for one in live.ruled if one.id in audiences and one.cursor is None])


def _by_hand(came: Mapping[int, Instant]) -> dict[int, list[tuple[int, Held]]]:
    """Return the audiences into which somebody put people by hand while they were not as they are now: profile -> since when and why."""
    rows = Rows("given", profile="bigint", came="bigint")
    found: dict[int, list[tuple[int, Held]]] = {}
    for profile, audience, at in fetch(
        f"SELECT given.profile, m.audience_id, MIN(m.at) FROM {rows}"
        " JOIN identity_identifier AS i ON i.profile_id = given.profile"
        " JOIN activation_manualmember AS m ON m.owner_id = i.id"
        " GROUP BY given.profile, m.audience_id, given.came HAVING MIN(m.at) >= given.came",
        rows.of(came.items()),
    ):
        found.setdefault(profile, []).append((audience, (at, Cause.HAND.value)))
    return found
