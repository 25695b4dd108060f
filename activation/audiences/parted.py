"""Since when people are in their audiences who were taken for one and are people of their own again.

The lane's own command, asked for with the split: what they did is read from the graph store first. See docs/decisions/0016.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from activation.audiences import live as lives
from activation.audiences import membership_rows as rows
from activation.audiences.live import Live
from activation.audiences.replaying import Then, replay
from identity.clock import Instant
from identity.errors import DomainError
from identity.profiles import facts, splits
from identity.profiles.types import Cause, Facts
from identity.sql import Rows, fetch
from identity.touchpoints import commands, lane
from identity.touchpoints.types import BatchContext, Touchpoint

REPLAY = "audiences.replay"
MOST = 2_000  # touchpoints of a person; whoever has more keeps what the split gave back
SLICE = 10  # people in one command


Since = dict[tuple[int, int], tuple[Instant, str]]  # (audience, profile) -> since when, why


class Asked(msgspec.Struct, frozen=True):
    """What a REPLAY command says. `people`: row ids of profiles, and when they came together with others. `at`: when they parted."""

    people: list[tuple[int, Instant]]
    at: Instant


class _Person(NamedTuple):
    facts: Facts
    told: Sequence[Then]
    came: Instant
    founded: int = 0


def ask(apart: Mapping[int, Instant], now: Instant) -> None:
    """Ask the lane to replay these people, in the transaction that parts them."""
    people = sorted(apart.items())
    for start in range(0, len(people), SLICE):
        said = Asked(people[start : start + SLICE], now)
        commands.enqueue(REPLAY, msgspec.to_builtins(said), "lane", now)


def asked_for(payload: Mapping[str, Any]) -> Asked:
    """Read a REPLAY command. Raises DomainError."""
    try:
        return msgspec.convert(payload, Asked)
    except msgspec.ValidationError as error:
        raise DomainError("bad_command", str(error)) from error


def since(asked: Asked, told: Mapping[int, Sequence[Touchpoint]], context: BatchContext) -> Since:
    """Return since when these people are in their audiences, and why; a constant number of statements, outside of a transaction.

    `told`: profile -> all touchpoints of theirs. Whoever is not in it, or was merged or split again, is left as they are.
    """
    again = splits.moved(told, after=asked.at)
    came = {profile: at for profile, at in asked.people if profile in told.keys() - again}
    if not came:
        return {}
    live, published, before = lives.load(), lives.published(), rows.before(came)
    held: Since = {}
    for person in _people(came, told):
        known = {one for one, at in published.items() if at < person.came}
        profile = person.facts.profile
        found = replay(
            person.facts,
            person.told,
            {one: why for one, why in before.get(profile, {}).items() if one in known},
            _steady(live, known),
            since=person.came,
            until=context.moment,
            founded=person.founded,
        )
        held |= {(audience, profile): why for audience, why in found.items()}
    return held | _by_hand(came)


def _people(
    came: Mapping[int, Instant], told: Mapping[int, Sequence[Touchpoint]]
) -> Iterator[_Person]:
    """Leave out whose profile is younger than the merge, and was not founded by anything of theirs since."""
    times = lane.moments([one for profile in came for one in told[profile]])
    founded = splits.founded(came)
    for profile, person in facts.of(came).items():
        mine = [
            Then(*times.get(one.number, (one.received_at, one.received_at)), one)
            for one in told[profile]
        ]
        made, first = founded[profile]
        if made < came[profile]:
            yield _Person(person, mine, came[profile])
        elif any(one.touchpoint.number == first for one in mine if one.now >= came[profile]):
            yield _Person(person, mine, came[profile], first)


def _steady(live: Live, audiences: Collection[int]) -> Live:
    """Leave out audiences whose rule is younger than the merge, and those that are being built."""
    return live.only([one.id for one in live.ruled if one.id in audiences and one.cursor is None])


def _by_hand(came: Mapping[int, Instant]) -> Since:
    """Return since when people are in whom somebody put in while they were taken for others: audience, profile -> when."""
    given = Rows("given", profile="bigint", came="bigint")
    found = fetch(
        f"SELECT m.audience_id, given.profile, MIN(m.at) FROM {given}"
        " JOIN identity_identifier AS i ON i.profile_id = given.profile"
        " JOIN activation_manualmember AS m ON m.owner_id = i.id"
        " GROUP BY m.audience_id, given.profile, given.came HAVING MIN(m.at) >= given.came",
        given.of(came.items()),
    )
    return {(audience, profile): (at, Cause.HAND.value) for audience, profile, at in found}
