"""The road of one touchpoint, stages 1 to 6, on one screen.

Stage 1 talks to the graph store; stages 2 to 6 run in the one transaction of the Django database in which the inbox position
advances too. A stage is a function that takes what an earlier one returned; none knows another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction

from activation.audiences import building, members, refresh
from activation.deliveries import postponing, queue, receipts
from activation.deliveries.handover import POSTPONE
from activation.pressure import caps, ledger
from identity.errors import NotFound
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood
from identity.privacy import services as privacy
from identity.profiles import facts, fold, rebuild, resolve
from identity.stages import reach
from identity.touchpoints import decode, lane, refusals
from identity.touchpoints.types import BatchContext, InboxRow, Mode
from journeys.enrolments import react
from journeys.enrolments.react import Steps

DUE = 150  # wake-ups and clock changes in one transaction

EXECUTORS: Mapping[str, Callable[[Mapping[str, Any], BatchContext], None]] = {
    members.ADD: members.execute_add,
    members.REMOVE: members.execute_remove,
    caps.CHANGE: caps.execute_change,
    "consent.set": privacy.set_consent,
    "suppression.set": privacy.set_suppression,
    POSTPONE: postponing.postpone,
}


def process(
    rows: Sequence[InboxRow],
    context: BatchContext,
    *,
    graph: GraphStore,
    settle: Callable[[], None],
) -> None:
    """Take inbox rows of one mode through all stages; `settle` advances the inbox in the same transaction."""
    touchpoints = decode.decode(rows)
    contested = resolve.contested(touchpoints)
    reach("1 record")
    recorded = graph.record(touchpoints, epoch=context.epoch, contested=contested)
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        reach("2 resolve")
        resolved = resolve.resolve(touchpoints, recorded, context)
        reach("3 fold")
        fold.fold(resolved, context)
        receipts.apply(resolved.arrivals, context)
        ledger.report(resolved.arrivals, context)
        people = facts.load(resolved.people)
        reach("4 refresh")
        changes = refresh.refresh(resolved, people, context)
        reach("5 react")
        _send(react.react(resolved.arrivals, changes, people, context), context)
        refusals.fold(rows, context, touchpoints)
        lane.remember(
            epoch=context.epoch,
            now=context.now,
            mode=context.mode,
            numbers=tuple(row.number for row in rows),
            versions={},
        )
        settle()


def regroup(
    neighbourhoods: Sequence[Neighbourhood], context: BatchContext, *, newborn: bool
) -> None:
    """Stages 2 to 6 without touchpoints, in the caller's transaction: evidence was taken away, or profiles are repaired."""
    resolved = resolve.regroup(neighbourhoods, context, newborn=newborn)
    fold.fold(resolved, context)
    people = facts.load(resolved.people)
    changes = refresh.refresh(resolved, people, context)
    _send(react.react((), changes, people, context), context)


def repair(payload: Mapping[str, Any], context: BatchContext, *, graph: GraphStore) -> None:
    """Bring the identifiers of a REGROUP command where the evidence says they belong."""
    neighbourhoods = graph.neighbourhoods(rebuild.asked_for(payload))
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        regroup(neighbourhoods, context, newborn=True)


def tick(context: BatchContext) -> bool:
    """Run what the clock made due up to the horizon; return whether there was anything.

    The clock is live, also while history is being read.
    """
    context = replace(context, mode=Mode.LIVE)
    built = building.populate(context, DUE)
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        changes = refresh.due(context, DUE)
        people = facts.of({change.profile for change in changes})
        _send(react.react((), changes, people, context), context)
        steps = react.wake(context, DUE)
        _send(steps, context)
    return built or bool(changes) or bool(steps.moved)


def execute(kind: str, payload: Mapping[str, Any], context: BatchContext) -> None:
    """Do what a person or the API asked the lane for. Raises DomainError when it cannot be done."""
    executor = EXECUTORS.get(kind)
    if executor is None:
        raise NotFound("unknown_command", f"the lane knows no command {kind!r}")
    with transaction.atomic():
        lane.compare_epoch(context.epoch)
        executor(payload, context)


def _send(steps: Steps, context: BatchContext) -> None:
    """Stage 6, until no step wants to send: a capped or unreachable send lets its journey go on at once."""
    while steps.requests:
        reach("6 reserve")
        steps = react.resume(queue.dispatch(steps.requests, context), context)
