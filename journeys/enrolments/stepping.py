"""Moves people on: gathers what the engine reads of them, asks it, and carries out what it commands."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings

from activation.deliveries.types import SendRequest
from identity import faults
from identity.clock import Instant
from identity.profiles.types import Facts
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext
from journeys import engine
from journeys.enrolments import runs as store
from journeys.enrolments import sightings
from journeys.enrolments.effects import Effect, carry_out
from journeys.enrolments.models import State
from journeys.enrolments.plans import Plan
from journeys.enrolments.runs import Line, Run
from journeys.hours import zone_of
from journeys.matching import Seen
from journeys.types import Answer, Command, Converted, Exit, Send, Situation, Stepped

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Steps:
    """What a round of steps leads to: messages to ask for, how many people moved, and what is known of everybody in it."""

    requests: Sequence[SendRequest] = ()
    moved: int = 0
    people: Mapping[int, Facts] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """What one round collects before it is written."""

    changed: dict[int, Run] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    requests: list[SendRequest] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)


def step(
    runs: Iterable[Run],
    people: Mapping[int, Facts],
    plan: Plan,
    context: BatchContext,
    *,
    touched: Collection[Run] = (),
    lines: Iterable[Line] = (),
    answers: Mapping[int, Answer] | None = None,
) -> Steps:
    """Let each run go as far as it goes, and write everything in a fixed number of statements.

    `touched` and `lines`: runs and timelines that were changed before, to be written along. `answers`: run -> what became of its
    send.
    """
    work = _Work(changed={run.id: run for run in touched}, lines=list(lines))
    ready = [run for run in runs if run.profile in people and _may_move(run, plan)]
    views = _views(ready, people, plan, answers or {})
    for run, situation in views:
        try:
            place, commands = engine.advance(
                plan.versions[run.version], run.place, situation, context.horizon
            )
        except Exception as error:  # noqa: BLE001 - one run that cannot go on holds up nobody else
            _fail(run, error, work)
            continue
        if commands or place != run.place or place.wake_at != run.wake_at:
            run.place, run.wake_at = place, place.wake_at
            work.changed[run.id] = run
            priority = plan.versions[run.version].settings.priority
            _sort(run, commands, situation.person, priority, work)
    _hold(runs, plan, context.now, work)
    store.save(work.changed.values(), context.now)
    store.write(work.lines, context.now)
    carry_out(work.effects, context)
    return Steps(work.requests, len(work.changed), people)


def _fail(run: Run, error: Exception, work: _Work) -> None:
    log.error("Enrolment %d cannot go on: %s", run.id, faults.traced(error))
    run.state, run.reason, run.wake_at = (
        State.FAILED.value,
        faults.said(error),
        None,
    )
    work.changed[run.id] = run
    node = run.place.node
    work.lines.append(Line(run.id, node, run.place.visits.get(node, 0), "", run.reason))


def _may_move(run: Run, plan: Plan) -> bool:
    """Who is out is looked at only for the goal; a pause holds who is inside."""
    if run.version not in plan.versions:
        return False
    if run.state == State.DONE:
        return run.goal_until is not None
    return run.state == State.ACTIVE and plan.goes_on(run.journey)


def _hold(runs: Iterable[Run], plan: Plan, now: Instant, work: _Work) -> None:
    """Mark people of paused journeys to whom something happened: they are looked at again as soon as it goes on."""
    for run in runs:
        held = run.state == State.ACTIVE and plan.states.get(run.journey) == "paused"
        if held and (run.wake_at is None or run.wake_at > now):
            run.wake_at = now
            work.changed[run.id] = run


def _views(
    runs: Sequence[Run],
    people: Mapping[int, Facts],
    plan: Plan,
    answers: Mapping[int, Answer],
) -> list[tuple[Run, Situation]]:
    since: dict[int, Instant] = {}
    asked: dict[int, frozenset[int]] = {}
    for run in runs:
        definition = plan.versions[run.version]
        if definition.listens:
            since[run.profile] = min(since.get(run.profile, run.entered_at), run.entered_at)
        if definition.asked:
            asked[run.profile] = asked.get(run.profile, frozenset()) | definition.asked
    seen = sightings.since(since, people)
    inside = _memberships(asked)
    return [
        (
            run,
            Situation(
                enrolment=run.id,
                entered_at=run.entered_at,
                person=people[run.profile],
                key=run.key,
                touchpoints=_of_run(run, seen.get(run.profile, ())),
                audiences=inside.get(run.profile, frozenset()),
                zone=zone_of(
                    people[run.profile].time_zone,
                    plan.versions[run.version].settings.time_zone,
                    settings.TIME_ZONE,
                ),
                answer=answers.get(run.id),
            ),
        )
        for run in runs
    ]


def _of_run(run: Run, seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """Return what happened since the entry, whichever was processed first; what let the person in is no news."""
    return tuple(one for one in seen if one.at >= run.entered_at and one.number != run.trigger)


def _memberships(asked: Mapping[int, frozenset[int]]) -> dict[int, frozenset[int]]:
    """Return, of the audiences asked about, those that each profile is in."""
    if not asked:
        return {}
    rows = Rows("a", profile="bigint", audience="bigint")
    found: dict[int, frozenset[int]] = {}
    for profile, audience in fetch(
        f"SELECT a.profile, a.audience FROM {rows} JOIN activation_membership AS m"
        " ON m.audience_id = a.audience AND m.profile_id = a.profile",
        rows.of((profile, one) for profile, audiences in asked.items() for one in audiences),
    ):
        found[profile] = found.get(profile, frozenset()) | {audience}
    return found


def _sort(
    run: Run, commands: Sequence[Command], person: Facts, priority: int, work: _Work
) -> None:
    """Put each command where it is carried out."""
    for command in commands:
        match command:
            case Stepped(node, visit, port, reason):
                work.lines.append(Line(run.id, node, visit, port, reason))
            case Exit(reason):
                run.state, run.reason = State.DONE.value, reason
            case Converted():
                run.goal_until = None
            case Send():
                work.requests.append(_request(run, command, person, priority))
            case _:
                work.effects.append(Effect(run, person, priority, command))


def _request(run: Run, send: Send, person: Facts, priority: int) -> SendRequest:
    return SendRequest(
        key=send.key,
        profile=run.profile,
        owner=store.whose(person, run.owner),
        channel=send.channel,
        message_class=send.message_class,
        template=send.template,
        journey=run.journey,
        version=run.version,
        node=send.node,
        occurrence=send.visit,
        due_at=send.due_at,
        priority=priority,
        when_capped=send.when_capped,
        give_up_at=send.give_up_at,
        urgent=send.urgent,
        quiet=send.quiet,
        zone=send.zone,
        facts={"key": run.key} if run.key else {},
    )
