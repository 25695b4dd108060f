"""The road of one touchpoint, stages 1 to 6, on one screen.

Stage 1 talks to the graph store; stages 2 to 6 run in the one transaction of the Django database in which the inbox position
advances too. A stage is a function that takes what an earlier one returned; none knows another.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from django.utils.translation import gettext

from activation.audiences import building, members, refresh, selectors
from activation.deliveries import postponing, queue, receipts
from activation.deliveries.handover import POSTPONE
from activation.pressure import book, caps, ledger
from identity.errors import NotFound
from identity.graph import policies, store
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood
from identity.privacy import services as privacy
from identity.privacy import tombstones
from identity.profiles import decisions, facts, fold, forgetting, rebuild, resolve
from identity.profiles.folding import households
from identity.profiles.policies import services as identity_policies
from identity.profiles.policies import settling
from identity.profiles.types import Resolved
from identity.stages import reach
from identity.touchpoints import decode, lane, refusals
from identity.touchpoints import forgetting as sources
from identity.touchpoints.types import BatchContext, InboxRow
from journeys.enrolments import plans, react
from journeys.enrolments.react import Steps

Fence = Callable[[], AbstractContextManager[None]]  # opens a transaction of the lane


class OnGraph(Protocol):
    """Does a command in both stores: the graph first, then what `fence` opens. Both may be done twice."""

    def __call__(
        self,
        kind: str,
        payload: Mapping[str, Any],
        context: BatchContext,
        /,
        *,
        graph: GraphStore,
        fence: Fence,
    ) -> None: ...


EXECUTORS: Mapping[str, Callable[[Mapping[str, Any], BatchContext], None]] = {
    members.ADD: members.execute_add,
    members.REMOVE: members.execute_remove,
    caps.CHANGE: caps.execute_change,
    "consent.set": privacy.set_consent,
    "suppression.set": privacy.set_suppression,
    POSTPONE: postponing.postpone,
    identity_policies.APPLY: identity_policies.execute_apply,
}


def process(
    rows: Sequence[InboxRow], context: BatchContext, *, graph: GraphStore, fence: Fence
) -> None:
    """Take inbox rows of one mode through all stages; the transaction that `fence` opens settles them too."""
    policy = rules(graph)
    sifted = tombstones.sift(decode.decode(rows, policy))
    touchpoints = forgetting.left_out(sifted.taken, policy=policy)
    contested = resolve.contested(touchpoints, policy)
    reach("1 record")
    recorded = graph.record(touchpoints, epoch=context.epoch, contested=contested)
    with fence():
        reach("2 resolve")
        resolved = resolve.resolve(touchpoints, recorded, context, policy=policy)
        reach("3 fold")
        fold.fold(resolved, context)
        tombstones.remind(sifted.returning, context.now)
        receipts.apply(resolved.arrivals, context)
        ledger.report(resolved.arrivals, context)
        people = facts.load(resolved.people)
        reach("4 refresh")
        changes = refresh.refresh(resolved, people, context)
        reach("5 react")
        _send(react.react(resolved.arrivals, changes, people, context), context)
        refusals.fold(rows, context, touchpoints, sifted.refused)
        remember("touchpoints", context, rows)


def regroup(
    neighbourhoods: Sequence[Neighbourhood], context: BatchContext, *, newborn: bool
) -> None:
    """Stages 2 to 6 without touchpoints, in the caller's transaction: evidence was taken away, or profiles are repaired."""
    policy = policies.current()
    _follow(resolve.regroup(neighbourhoods, context, newborn=newborn, policy=policy), context)


def _follow(resolved: Resolved, context: BatchContext) -> None:
    """Stages 3 to 6 of a change without touchpoints."""
    fold.fold(resolved, context)
    people = facts.load(resolved.people)
    changes = refresh.refresh(resolved, people, context)
    _send(react.react((), changes, people, context), context)


def repair(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Bring the identifiers of a REGROUP command where the evidence says they belong."""
    rules(graph)
    neighbourhoods = graph.neighbourhoods(rebuild.asked_for(payload))
    with fence():
        regroup(neighbourhoods, context, newborn=True)
        remember(resolve.REGROUP, context)


def decide(
    kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Carry out what people decided about who is who, or take it back."""
    change = decisions.change(kind, payload)
    rules(graph)
    changed = graph.decide(change.standing, epoch=context.epoch)
    with fence():
        decisions.keep(change, context.now)
        regroup(changed, context, newborn=False)
        remember(kind, context)


def forget(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Let an identifier take part in nothing any more: one slice of those around it; the next is a command of its own."""
    asked = forgetting.asked_for(payload)
    rules(graph)
    detached = graph.forget(
        asked.identifier, after=asked.after, limit=forgetting.SLICE, epoch=context.epoch
    )
    with fence():
        forgetting.keep(asked, detached, context.now)
        regroup(detached.neighbourhoods, context, newborn=False)
        if detached.after is None:
            _follow(forgetting.emptied(asked.identifier), context)
        remember(forgetting.FORGET, context)


def forget_source(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Take one slice of what a source brought out of the evidence; the next slice is a command of its own."""
    asked = sources.asked_for(payload)
    rules(graph)
    swept = graph.forget_source(
        asked.source, after=asked.after, limit=sources.SLICE, epoch=context.epoch
    )
    with fence():
        sources.keep(asked, swept, context.now)
        if swept.after is None:
            households.forget(asked.source)
        regroup(swept.neighbourhoods, context, newborn=False)
        remember(sources.FORGET, context)


# Commands that change the graph too.
ON_GRAPH: Mapping[str, OnGraph] = {
    **dict.fromkeys(decisions.KINDS, decide),
    forgetting.FORGET: forget,
    sources.FORGET: forget_source,
    resolve.REGROUP: repair,
}


def execute(kind: str, payload: Mapping[str, Any], context: BatchContext, *, fence: Fence) -> None:
    """Do what a person or the API asked the lane for. Raises DomainError when it cannot be done."""
    executor = EXECUTORS.get(kind)
    if executor is None:
        raise NotFound(
            "unknown_command", gettext("the lane knows no command %(kind)r") % {"kind": kind}
        )
    with fence():
        reach("command")
        executor(payload, context)
        remember(kind, context)


def rules(graph: GraphStore) -> Policy:
    """Return the identity policy in force, which the graph store goes by from now on. One statement."""
    policy = policies.current()
    graph.go_by(policy)
    return policy


# --- What the clock makes due up to the horizon: each returns whether there was anything ---


def build(context: BatchContext, limit: int) -> bool:
    """Take the audiences that are being built, or cleared away, a slice further. It opens transactions of its own."""
    done = building.populate(context, limit)
    if done:
        with lane.fenced(context.epoch):
            remember("building", context)
    return done


def settle(context: BatchContext, limit: int) -> bool:
    """Bring a slice of what is stored to an identity policy that was applied. It opens transactions of its own."""
    work = settling.left()
    if work is None:
        return False
    graph = store()
    rules(graph)
    found = settling.take(work, graph, limit, epoch=context.epoch)
    with lane.fenced(context.epoch):
        reach("settle")
        regroup(found.neighbourhoods, context, newborn=False)
        settling.keep(work, found, context.now)
        remember("identity policy", context)
    return True


def turn(context: BatchContext, limit: int) -> bool:
    """Look again at people whom the clock alone takes into or out of an audience. In the caller's transaction."""
    changes = refresh.due(context, limit)
    people = facts.of({change.profile for change in changes})
    steps = react.react((), changes, people, context)
    _send(steps, context)
    return bool(changes) or bool(steps.moved)


def leave(context: BatchContext, limit: int) -> bool:
    """Let people out of journeys that were stopped. In the caller's transaction."""
    return bool(react.leave(context, limit).moved)


def wake(context: BatchContext, limit: int) -> bool:
    """Wake up who waited for this time. In the caller's transaction."""
    steps = react.wake(context, limit)
    _send(steps, context)
    return bool(steps.moved)


# --- What all have in common ---


def remember(kind: str, context: BatchContext, rows: Sequence[InboxRow] = ()) -> None:
    """Store that this transaction happened: when it took it to be, its rows, and the versions it used. Four statements."""
    versions = {
        "identity": policies.current().version,
        "policies": book.versions(),
        "audiences": selectors.versions(),
        "journeys": plans.versions(),
    }
    lane.remember(kind, context, versions, [row.number for row in rows])


def _send(steps: Steps, context: BatchContext) -> None:
    """Stage 6, until no step wants to send: a capped or unreachable send lets its journey go on at once."""
    while steps.requests:
        reach("6 reserve")
        results = queue.dispatch(steps.requests, context, steps.people)
        steps = react.resume(results, context, steps.people)
