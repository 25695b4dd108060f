"""Stage 5: journeys advance, by what happened (`react`), by the clock (`wake`), by what became of a send (`resume`).

The number of statements does not depend on the size of the batch. Everything is written in the caller's transaction, so that a
crash leaves either all of a step or nothing of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from django.db import connection

from activation.audiences.types import MembershipChange
from activation.deliveries import holding
from activation.deliveries.types import Outcome, SendResult
from identity.profiles import facts
from identity.profiles.types import Arrival, Cause, Facts
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext, Mode
from journeys.enrolments import entering, leaving, merging, plans, sightings
from journeys.enrolments import runs as store
from journeys.enrolments.models import State
from journeys.enrolments.runs import Line
from journeys.enrolments.stepping import Steps, step
from journeys.types import Answer

_PRESENT = frozenset({Cause.CLOCK, Cause.HAND})
_DUE = (
    "FROM journeys_enrolment AS d WHERE d.journey_id = j.journey AND d.state = 'active'"
    " AND d.wake_at IS NOT NULL AND d.wake_at <= %s ORDER BY d.wake_at, d.id LIMIT %s"
)
# SQLite knows no LATERAL; PostgreSQL would ask anew for every enrolment that there is whether it is IN.
_EARLIEST = {
    "sqlite": f"JOIN journeys_enrolment AS e ON e.id IN (SELECT d.id {_DUE})",
    "postgresql": f"CROSS JOIN LATERAL (SELECT d.id, d.wake_at {_DUE}) AS e",
}

__all__ = ["Steps", "fail_next", "leave", "react", "resume", "wake"]


def react(
    arrivals: Sequence[Arrival],
    changes: Iterable[MembershipChange],
    people: Mapping[int, Facts],
    context: BatchContext,
) -> Steps:
    """Let people in and move on those to whom something happened. History is remembered, but starts and moves nobody.

    What the clock or a hand did to an audience, and a batch of history only came to see first, is no history: it lets people in.

    `people`: everybody in the batch, also those who only were merged or split.
    """
    plan = plans.current()
    if not plan.versions:
        return Steps()
    sightings.remember(arrivals, plan)
    inside = store.of_people(people)
    touched, lines = merging.settle(inside)
    holding.hold(merging.sends(touched))
    if context.mode is Mode.HISTORY:
        arrivals, changes = (), [one for one in changes if one.cause in _PRESENT]
    found = entering.triggers(arrivals, changes, people, plan)
    entered, held = entering.enter(found, inside, people, context.now)
    going = entered if context.mode is Mode.HISTORY else [*inside, *entered]
    return step(going, people, plan, context, touched=touched, lines=[*lines, *held])


def leave(context: BatchContext, limit: int) -> Steps:
    """Move or let out up to `limit` people, as a person decided for all of them."""
    plan = plans.current()
    return Steps(moved=leaving.leave(plan, context, limit) if plan.versions else 0)


def wake(context: BatchContext, limit: int) -> Steps:
    """Move on up to `limit` people whose time has come by the horizon."""
    plan = plans.current()
    if not plan.versions:
        return Steps()
    due = store.by_id(_due(plan, context, limit))
    if not due:
        return Steps()
    people = facts.of({run.profile for run in due})
    gone = leaving.nobodys([run for run in due if run.profile not in people], context)
    steps = step([run for run in due if run.profile in people], people, plan, context)
    return replace(steps, moved=steps.moved + gone)


def fail_next(context: BatchContext, reason: str) -> int | None:
    """Take the person whose time came first out of the clock's way: going on raised. Return the run, None when none is due."""
    runs = store.by_id(_due(plans.current(), context, 1))
    for run in runs:
        run.state, run.reason = State.FAILED.value, reason
        node = run.place.node
        store.write([Line(run.id, node, run.place.visits.get(node, 0), "", reason)], context.now)
    store.save(runs, context.now)
    return runs[0].id if runs else None


def _due(plan: plans.Plan, context: BatchContext, limit: int) -> list[int]:
    """Return who is due, the earliest of each journey: one walk over the index per journey that goes on.

    Of more than `limit` those of the journeys with the highest priority come first, so that they compete first for room.
    """
    journeys = Rows("j", journey="bigint", priority="bigint")
    rows = fetch(
        f"SELECT e.id FROM {journeys} {_EARLIEST[connection.vendor]}"
        " ORDER BY j.priority DESC, e.wake_at, e.id LIMIT %s",
        [*journeys.of(plan.going()), context.horizon, limit, limit],
    )
    return [row[0] for row in rows]


def resume(
    results: Sequence[SendResult],
    context: BatchContext,
    people: Mapping[int, Facts] | None = None,
) -> Steps:
    """Go on with what became of sends; a capped or unreachable one leads on at once, in the same transaction.

    `people`: what the batch knows of everybody who asked; read here when it is not given.
    """
    if not results:
        return Steps()
    plan = plans.current()
    answers = {int(result.key.partition(":")[0]): _answer(result) for result in results}
    runs = store.by_id(answers)
    known = facts.of({run.profile for run in runs}) if people is None else people
    return step(runs, known, plan, context, answers=answers)


def _answer(result: SendResult) -> Answer:
    port = "" if result.outcome is Outcome.DEFERRED else result.outcome.value
    return Answer(result.key, port, result.retry_at, result.reason, result.when_capped)
