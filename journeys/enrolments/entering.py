"""Who comes in: triggers of a batch against the entrances of live journeys, re-entry rules, the lot of the holdout.

The triggers of one batch for one journey, key and person count as one.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from activation.audiences.types import MembershipChange
from identity.clock import Instant
from identity.profiles.types import Arrival, Cause, Facts
from identity.sql import Rows, fetch
from identity.touchpoints.contacts import is_human
from journeys import engine
from journeys.enrolments import runs as store
from journeys.enrolments.models import State
from journeys.enrolments.plans import Entrance, Plan
from journeys.enrolments.runs import Line, Run
from journeys.hours import milliseconds
from journeys.matching import key_at

HELD_OUT = "held out"
# A merge, a split or a new rule brings nobody in: nothing happened to the person.
_STARTING = frozenset({Cause.TOUCHPOINT, Cause.CLOCK, Cause.HAND})

_Spot = tuple[int, int, str]  # profile, journey, key


@dataclass(frozen=True, slots=True)
class Trigger:
    """A reason for one person to enter one journey. `number` 0: an audience."""

    entrance: Entrance
    profile: int
    owner: int
    at: Instant
    key: str = ""
    number: int = 0

    @property
    def spot(self) -> _Spot:
        return self.profile, self.entrance.journey, self.key


def triggers(
    arrivals: Iterable[Arrival],
    changes: Iterable[MembershipChange],
    people: Mapping[int, Facts],
    plan: Plan,
) -> list[Trigger]:
    """Return what may let somebody in, in the order in which it happened to be processed."""
    arrivals = list(arrivals)
    found = [one for arrival in arrivals for one in _by_touchpoint(arrival, plan)]
    youngest = _youngest(arrivals)
    for change in changes:
        if change.entered and change.cause in _STARTING and change.profile in people:
            owner = people[change.profile].strongest
            age = youngest.get(change.profile, 0) if change.cause is Cause.TOUCHPOINT else 0
            found += [
                Trigger(entrance, change.profile, owner, change.at)
                for entrance in plan.audiences.get(change.audience, ())
                if age <= milliseconds(entrance.definition.settings.max_age)
            ]
    return [one for one in found if one.profile in people]


def _youngest(arrivals: Iterable[Arrival]) -> dict[int, Instant]:
    """Return, per profile, how late its least late touchpoint came: what let it into an audience is no older."""
    found: dict[int, Instant] = {}
    for arrival in arrivals:
        age = _age(arrival)
        found[arrival.profile] = min(age, found.get(arrival.profile, age))
    return found


def _age(arrival: Arrival) -> Instant:
    """Return how late a touchpoint came; waiting in the inbox makes it no older."""
    return arrival.touchpoint.received_at - arrival.touchpoint.at


def _by_touchpoint(arrival: Arrival, plan: Plan) -> Iterable[Trigger]:
    touchpoint = arrival.touchpoint
    entrances = plan.events.get(touchpoint.event, ())
    if not entrances or not is_human(touchpoint.event, touchpoint.properties):
        return
    age = _age(arrival)
    for entrance in entrances:
        config = entrance.config
        if age > milliseconds(entrance.definition.settings.max_age):
            continue
        key = key_at(touchpoint.properties, config.key) if config.key else ""
        if (config.key and not key) or not config.agrees(touchpoint.properties):
            continue
        yield Trigger(
            entrance, arrival.profile, arrival.owner, touchpoint.at, key, touchpoint.number
        )


def enter(
    found: Sequence[Trigger],
    inside: Collection[Run],
    people: Mapping[int, Facts],
    now: Instant,
) -> tuple[list[Run], list[Line]]:
    """Store the runs that begin; return them, and the timeline of those that were held out."""
    taken = {(run.profile, run.journey, run.key) for run in inside if run.state == State.ACTIVE}
    first: dict[_Spot, Trigger] = {}
    for trigger in found:
        if trigger.spot not in taken:
            first.setdefault(trigger.spot, trigger)
    if not first:
        return [], []
    last = _last_entries(first.values(), people)
    admitted = [one for one in first.values() if may_enter(one, last.get(one.spot))]
    keys = _owner_keys(admitted, people)
    entered = [begin(trigger, people[trigger.profile], keys) for trigger in admitted]
    store.insert(entered, now)
    held = [Line(run.id, run.place.node, 0, "", HELD_OUT) for run in entered if run.holdout]
    return entered, held


def may_enter(trigger: Trigger, last: Instant | None) -> bool:
    """Decide by the journey's re-entry rule; `last` is when the person entered last."""
    rule = trigger.entrance.definition.settings.re_entry
    if last is None or rule.mode == "always":
        return True
    return rule.mode == "after" and trigger.at >= last + milliseconds(rule.gap)


def _last_entries(found: Iterable[Trigger], people: Mapping[int, Facts]) -> dict[_Spot, Instant]:
    """Return when each person entered each journey (with that key) last, through any of their identifiers."""
    rows = Rows("p", owner="bigint", profile="bigint", journey="bigint", key="text")
    return {
        (profile, journey, key): at
        for profile, journey, key, at in fetch(
            f'SELECT p.profile, p.journey, p."key", MAX(e.entered_at) FROM {rows}'
            " JOIN journeys_enrolment AS e"
            ' ON e.owner_id = p.owner AND e.journey_id = p.journey AND e."key" = p."key"'
            ' GROUP BY p.profile, p.journey, p."key"',
            rows.of(
                (owner, one.profile, one.entrance.journey, one.key)
                for one in found
                for owner in people[one.profile].owners
            ),
        )
    }


def _owner_keys(admitted: Iterable[Trigger], people: Mapping[int, Facts]) -> dict[int, str]:
    """Return the identifiers of those for whom a lot is drawn."""
    drawing = [
        (store.whose(people[trigger.profile], trigger.owner),)
        for trigger in admitted
        if trigger.entrance.definition.settings.holdout
    ]
    if not drawing:
        return {}
    rows = Rows("o", owner="bigint")
    return dict(
        fetch(
            f'SELECT i.id, i."key" FROM {rows} JOIN identity_identifier AS i ON i.id = o.owner',
            rows.of(drawing),
        )
    )


def begin(trigger: Trigger, person: Facts, keys: Mapping[int, str]) -> Run:
    entrance, owner = trigger.entrance, store.whose(person, trigger.owner)
    settings = entrance.definition.settings
    place = engine.start(entrance.node.id)
    held = False
    if settings.holdout:
        lot = draw(f"holdout:{entrance.journey}", keys[owner])
        held = lot * 100 < settings.holdout
        place = engine.start(entrance.node.id, {"holdout": lot}, ended=HELD_OUT if held else "")
    goal = settings.goal
    return Run(
        id=0,
        journey=entrance.journey,
        version=entrance.version,
        owner=owner,
        profile=trigger.profile,
        key=trigger.key,
        place=place,
        entered_at=trigger.at,
        trigger=trigger.number,
        state=(State.DONE if held else State.ACTIVE).value,
        reason=HELD_OUT if held else "",
        goal_until=trigger.at + milliseconds(goal.window) if goal else None,
        holdout=held,
    )


def draw(name: str, owner: str) -> float:
    """Draw a lot from 0 to 1 that is the same for the same owner identifier, for ever and everywhere."""
    digest = hashlib.sha256(f"{name}:{owner}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
