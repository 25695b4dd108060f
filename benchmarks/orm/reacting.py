"""Stage 5 with the ORM: who enters a journey, and who goes on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.conf import settings

from activation.audiences.types import MembershipChange
from activation.deliveries.models import Delivery
from activation.deliveries.types import SendRequest
from benchmarks.orm.rows import Keeper, instant, maybe
from identity.clock import Instant
from identity.profiles.types import Arrival, Facts
from identity.touchpoints.types import BatchContext
from journeys import engine
from journeys.enrolments import entering, merging
from journeys.enrolments.models import Enrolment, Sighting, State, Step
from journeys.enrolments.plans import Plan
from journeys.enrolments.runs import Line, Run
from journeys.hours import zone_of
from journeys.matching import Seen, digest
from journeys.types import Answer, Converted, Exit, Place, Send, Situation, Stepped

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass
class Round:
    """What a round of steps changed, and asks for."""

    rows: dict[int, Enrolment] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    requests: list[SendRequest] = field(default_factory=list)


def react(
    keep: Keeper,
    plan: Plan,
    arrivals: Sequence[Arrival],
    changes: Iterable[MembershipChange],
    people: Mapping[int, Facts],
    *,
    context: BatchContext,
) -> list[SendRequest]:
    _remember(keep, arrivals, plan)
    owners = {owner: person.profile for person in people.values() for owner in person.owners}
    work = Round()
    inside = _load(keep, work, keep.find(Enrolment, "owner_id", owners, watching=True), owners)
    touched, lines = merging.settle(inside)
    work.lines += lines
    for run in touched:
        work.runs[run.id] = run
    _hold(keep, merging.sends(touched))
    found = entering.triggers(arrivals, changes, people, plan)
    entered = _enter(keep, work, found, inside, people, now=context.now)
    return step(keep, plan, [*inside, *entered], people, context=context, work=work, answers={})


def wake(context: BatchContext, limit: int) -> tuple[list[Enrolment], dict[int, int]]:
    """Return the enrolments that are due, and the profiles of their owners."""
    due = Enrolment.objects.filter(state=State.ACTIVE, wake_at__lte=context.horizon)
    rows = list(due.select_related("owner").order_by("wake_at", "pk")[:limit])
    return rows, {row.owner_id: row.owner.profile_id for row in rows}


def go_on(
    keep: Keeper,
    plan: Plan,
    rows: Iterable[Enrolment],
    people: Mapping[int, Facts],
    *,
    context: BatchContext,
    answers: Mapping[int, Answer],
) -> list[SendRequest]:
    """Move those who are due, or whose send was answered."""
    owners = {owner: person.profile for person in people.values() for owner in person.owners}
    work = Round()
    runs = _load(keep, work, rows, owners)
    return step(keep, plan, runs, people, context=context, work=work, answers=answers)


def step(
    keep: Keeper,
    plan: Plan,
    runs: Sequence[Run],
    people: Mapping[int, Facts],
    *,
    context: BatchContext,
    work: Round,
    answers: Mapping[int, Answer],
) -> list[SendRequest]:
    ready = [run for run in runs if _may_move(run)]
    seen = _seen(keep, ready, people, plan)
    for run in ready:
        definition, person = plan.versions[run.version], people[run.profile]
        situation = Situation(
            enrolment=run.id,
            entered_at=run.entered_at,
            person=person,
            key=run.key,
            touchpoints=tuple(
                one
                for one in seen.get(run.profile, ())
                if one.at >= run.entered_at and one.number != run.trigger
            ),
            zone=zone_of(person.time_zone, definition.settings.time_zone, settings.TIME_ZONE),
            answer=answers.get(run.id),
        )
        place, commands = engine.advance(definition, run.place, situation, context.horizon)
        if commands or place != run.place or place.wake_at != run.wake_at:
            run.place, run.wake_at = place, place.wake_at
            work.runs[run.id] = run
            for command in commands:
                _carry_out(command, run, person, definition.settings.priority, work)
    _write(keep, work, context.now)
    return work.requests


def _may_move(run: Run) -> bool:
    if run.state == State.DONE:
        return run.goal_until is not None
    return run.state == State.ACTIVE


def _carry_out(command: Any, run: Run, person: Facts, priority: int, work: Round) -> None:
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
            raise NotImplementedError(f"no journey of the benchmark commands {command}")


def _request(run: Run, send: Send, person: Facts, priority: int) -> SendRequest:
    return SendRequest(
        key=send.key,
        profile=run.profile,
        owner=run.owner if person.anonymous else person.strongest,
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
        quiet=send.quiet,
        zone=send.zone,
    )


# --- Reading ---


def _load(
    keep: Keeper, work: Round, rows: Iterable[Enrolment], owners: Mapping[int, int]
) -> list[Run]:
    found = sorted(rows, key=lambda row: row.pk)
    rivals = {row.rival for row in found if row.rival is not None}
    rival_owners = {row.pk: row.owner.profile_id for row in keep.find(Enrolment, "pk", rivals)}
    work.rows |= {row.pk: row for row in found}
    return [_run(row, owners[row.owner_id], rival_owners) for row in found]


def _run(row: Enrolment, profile: int, rivals: Mapping[int, int]) -> Run:
    return Run(
        id=row.pk,
        journey=row.journey_id,
        version=row.version_id,
        owner=row.owner_id,
        profile=profile,
        key=row.key,
        place=msgspec.json.decode(row.place, type=Place),
        entered_at=instant(row.entered_at),
        trigger=row.trigger,
        state=row.state,
        reason=row.reason,
        rival=row.rival,
        rival_profile=None if row.rival is None else rivals.get(row.rival),
        goal_until=maybe(row.goal_until),
        wake_at=maybe(row.wake_at),
        holdout=row.holdout,
    )


def _seen(
    keep: Keeper, runs: Sequence[Run], people: Mapping[int, Facts], plan: Plan
) -> dict[int, list[Seen]]:
    since: dict[int, Instant] = {}
    for run in runs:
        if plan.versions[run.version].listens:
            since[run.profile] = min(since.get(run.profile, run.entered_at), run.entered_at)
    owners = {owner: profile for profile in since for owner in people[profile].owners}
    found: dict[int, list[Seen]] = {}
    for row in keep.find(Sighting, "owner_id", owners):
        profile, at = owners[row.owner_id], instant(row.at)
        if at >= since[profile]:
            properties = msgspec.json.decode(row.properties)
            seen = Seen(row.number, row.event, at, row.delivery, properties)
            found.setdefault(profile, []).append(seen)
    for each in found.values():
        each.sort(key=lambda seen: (seen.at, seen.number))
    return found


# --- Writing ---


def _remember(keep: Keeper, arrivals: Iterable[Arrival], plan: Plan) -> None:
    keep.put(
        [
            Sighting(
                number=one.touchpoint.number,
                owner_id=one.owner,
                event=one.touchpoint.event,
                at=one.touchpoint.at,
                properties=_encode(
                    digest(one.touchpoint.properties, plan.watched[one.touchpoint.event])
                ).decode(),
            )
            for one in arrivals
            if one.touchpoint.event in plan.watched
        ]
    )


def _hold(keep: Keeper, keys: Mapping[str, bool]) -> None:
    rows = keep.find(Delivery, "key", keys, status="queued")
    for row in rows:
        row.held = keys[row.key]
    keep.put(rows, "held")


def _enter(
    keep: Keeper,
    work: Round,
    found: Iterable[entering.Trigger],
    inside: Iterable[Run],
    people: Mapping[int, Facts],
    *,
    now: Instant,
) -> list[Run]:
    taken = {(run.profile, run.journey, run.key) for run in inside if run.state == State.ACTIVE}
    first: dict[tuple[int, int, str], entering.Trigger] = {}
    for trigger in found:
        if trigger.spot not in taken:
            first.setdefault(trigger.spot, trigger)
    owners = {owner: one for one, *_ in first for owner in people[one].owners}
    last: dict[tuple[int, int, str], Instant] = {}
    for row in keep.find(Enrolment, "owner_id", owners):
        spot = owners[row.owner_id], row.journey_id, row.key
        last[spot] = max(last.get(spot, 0), instant(row.entered_at))
    admitted = [one for one in first.values() if entering.may_enter(one, last.get(one.spot))]
    runs = [entering.begin(one, people[one.profile], {}) for one in admitted]
    rows = [_new(run, now) for run in runs]
    keep.put(rows)
    for run, row in zip(runs, rows, strict=True):
        run.id = row.pk
        work.rows[row.pk] = row
    return runs


def _new(run: Run, now: Instant) -> Enrolment:
    return Enrolment(
        journey_id=run.journey,
        version_id=run.version,
        owner_id=run.owner,
        key=run.key,
        node=run.place.node,
        place=_encode(run.place).decode(),
        entered_at=run.entered_at,
        trigger=run.trigger,
        state=run.state,
        reason=run.reason,
        goal_until=run.goal_until,
        watching=run.watching,
        holdout=run.holdout,
        changed_at=now,
    )


def _write(keep: Keeper, work: Round, now: Instant) -> None:
    rows = []
    for run in work.runs.values():
        row: Any = work.rows[run.id]
        row.node, row.place = run.place.node, _encode(run.place).decode()
        row.wake_at = run.wake_at if run.state == State.ACTIVE else None
        row.state, row.reason, row.rival = run.state, run.reason[:300], run.rival
        row.converted_at, row.goal_until = run.place.converted_at, run.goal_until
        row.watching, row.changed_at = run.watching, now
        rows.append(row)
    fields = ("node", "place", "wake_at", "state", "reason", "rival", "converted_at")
    keep.put(rows, *fields, "goal_until", "watching", "changed_at")
    keep.put(
        [
            Step(
                enrolment_id=line.enrolment,
                at=now,
                node=line.node,
                visit=line.visit,
                port=line.port,
                reason=line.reason[:300],
            )
            for line in work.lines
        ]
    )
