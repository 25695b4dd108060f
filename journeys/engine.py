"""The engine: where a person goes next, and what is to be done about it. Pure: no database, no clock, no chance.

`advance` takes a place and a situation and returns the next place with commands for the service to execute. Asking again with
the place that it returned, the same situation and the same time gives that place and no commands.
"""

from msgspec.structs import replace

from identity.clock import Instant
from journeys.definition import Definition
from journeys.hours import milliseconds
from journeys.matching import Match, Seen, meets
from journeys.nodes.kind import End, Go, Move, Visit
from journeys.rules import AudienceExit, ExitCriterion
from journeys.types import Command, Converted, Exit, Place, Situation, Stepped

STEP_LIMIT = 1_000  # of one enrolment in its life: a loop that turns for ever ends, and says so


def start(entry: str, draws: dict[str, float] | None = None, *, ended: str = "") -> Place:
    """Return the place of somebody who has just come in at an entry node; `ended` when they are not to go on."""
    return Place(node=entry, draws=draws or {}, ended=ended)


def advance(
    definition: Definition, place: Place, situation: Situation, now: Instant
) -> tuple[Place, list[Command]]:
    """Return the next place and the commands that lead to it, in their order.

    Goal and exits come first: who has bought is not reminded. Then node after node until one holds the person.
    """
    commands: list[Command] = []
    place = _convert(definition, place, situation, commands)
    if place.ended:
        return place, commands
    if reason := _way_out(definition, place, situation):
        return _end(place, place.node, reason, commands), commands
    while not place.ended:
        moved = _step(definition, place, situation, now, commands)
        if moved == place:
            break
        place = moved
        if place.waiting is not None:
            break
    return place, commands


def _step(
    definition: Definition,
    place: Place,
    situation: Situation,
    now: Instant,
    commands: list[Command],
) -> Place:
    """Let the node decide once."""
    node = definition.nodes.get(place.node)
    if node is None:
        return _end(place, place.node, f"node {place.node} is gone", commands)
    if place.waiting is None:
        if place.steps >= STEP_LIMIT:
            return _end(place, place.node, f"more than {STEP_LIMIT} steps", commands)
        place = _arrive(place)
    visit = Visit(
        node=place.node,
        count=place.visits.get(place.node, 0),
        waiting=place.waiting,
        taken=place.taken.get(place.node),
        situation=situation,
        settings=definition.settings,
        now=now,
    )
    return _moved(definition, place, visit, node.kind.step(node.config, visit), commands)


def _arrive(place: Place) -> Place:
    visits = {**place.visits, place.node: place.visits.get(place.node, 0) + 1}
    return replace(place, visits=visits, steps=place.steps + 1)


def _moved(
    definition: Definition, place: Place, visit: Visit, move: Move, commands: list[Command]
) -> Place:
    commands.extend(move.commands)
    if isinstance(move, End):
        return _end(place, visit.node, move.reason, commands)
    if isinstance(move, Go):
        commands.append(Stepped(visit.node, visit.count, move.port, move.reason))
        if move.taken is not None:
            place = replace(place, taken={**place.taken, visit.node: move.taken})
        target = definition.targets.get((visit.node, move.port))
        if target is None:
            return _end(place, visit.node, f"{move.port}: {move.reason}", commands)
        return replace(place, node=target, waiting=None)
    if move.reason:
        commands.append(Stepped(visit.node, visit.count, "", move.reason))
    return replace(place, waiting=move.waiting)


def _end(place: Place, node: str, reason: str, commands: list[Command]) -> Place:
    commands.append(Stepped(node, place.visits.get(node, 0), "", reason))
    commands.append(Exit(reason))
    return replace(place, waiting=None, ended=reason)


def _convert(
    definition: Definition, place: Place, situation: Situation, commands: list[Command]
) -> Place:
    """Note that the goal was reached, once; of people who are out already too, as long as its window is open."""
    goal = definition.settings.goal
    if goal is None or place.converted_at is not None:
        return place
    reached = _find(goal.match, situation)
    if reached is None or reached.at > situation.entered_at + milliseconds(goal.window):
        return place
    commands.append(Converted(reached.at))
    return replace(place, converted_at=reached.at)


def _way_out(definition: Definition, place: Place, situation: Situation) -> str:
    """Return why the person leaves now, or ""."""
    goal = definition.settings.goal
    if goal is not None and goal.ends and place.converted_at is not None:
        return "the goal was reached"
    for criterion in definition.settings.exits:
        if reason := _exit(criterion, situation):
            return reason
    return ""


def _exit(criterion: ExitCriterion, situation: Situation) -> str:
    if isinstance(criterion, AudienceExit):
        if (criterion.audience in situation.audiences) is not criterion.inside:
            return ""
        return f"is {'in' if criterion.inside else 'not in'} audience {criterion.audience}"
    seen = _find(criterion.match, situation)
    return f"{seen.event} happened" if seen else ""


def _find(match: Match, situation: Situation) -> Seen | None:
    for seen in situation.touchpoints:
        if meets(match, seen, enrolment=situation.enrolment, key=situation.key):
            return seen
    return None
