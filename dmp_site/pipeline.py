"""The road of one touchpoint, stages 1 to 6, on one screen.

Stage 1 talks to the graph store; stages 2 to 6 run in the one transaction of the Django database in which the inbox position
advances too. A stage is a function that takes what an earlier one returned; none knows another.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.utils.translation import gettext

from activation.audiences import building, members, parted, refresh, selectors
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
from identity.profiles import crowds, facts, fold, forgetting, resolve
from identity.profiles.occasions import Doing, Occasion
from identity.profiles.policies import services as identity_policies
from identity.profiles.policies import settling
from identity.profiles.unsettled import Deferred
from identity.stages import reach
from identity.touchpoints import decode, lane, refusals
from identity.touchpoints.types import BatchContext, Identifier, InboxRow, Touchpoint
from journeys.enrolments import plans, react
from journeys.enrolments.react import Steps

Fence = Callable[[], AbstractContextManager[None]]  # opens a transaction of the lane


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
    rows: Sequence[InboxRow],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
    patient: bool = True,
) -> None:
    """Take inbox rows of one mode through all stages; the transaction that `fence` opens settles them too.

    While `patient`, touchpoints of crowds are kept for a turn of their own.
    """
    policy = rules(graph)
    sifted = tombstones.sift(decode.decode(rows, policy))
    touchpoints = forgetting.left_out(sifted.taken, policy=policy)
    looked = resolve.look(touchpoints, policy)
    later = looked.crowded(touchpoints) if patient else {}
    taken = [each for each in touchpoints if each.number not in later]
    reach("1 record")
    recorded = graph.record(taken, epoch=context.epoch, contested=looked.contested(taken))
    with fence():
        reach("2 resolve")
        tied = crowds.put_off(rows, touchpoints, later, context.now)
        resolved = resolve.resolve(taken, recorded, context, policy=policy, tied=tied)
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
        refusals.fold(rows, context, taken, sifted.refused)
        done = [row for row in rows if row.number not in later]
        remember("touchpoints" if patient else lane.CROWD, context, done, policy=policy)


def regroup(
    neighbourhoods: Sequence[Neighbourhood],
    context: BatchContext,
    policy: Policy,
    occasion: Occasion,
    *,
    newborn: bool,
    deferred: Deferred | None = None,
) -> Deferred:
    """Stages 2 to 6 without touchpoints, in the caller's transaction: evidence was taken away, or profiles are repaired.

    Return the profiles that are left to a later slice: none, unless this is one of many (`deferred`, see identity.profiles.unsettled).
    """
    resolved = resolve.regroup(
        neighbourhoods,
        context,
        newborn=newborn,
        policy=policy,
        occasion=occasion,
        deferred=deferred,
    )
    fold.fold(resolved, context)
    people = facts.load(resolved.people)
    changes = refresh.refresh(resolved, people, context)
    _send(react.react((), changes, people, context), context)
    return resolved.deferred


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
    policy = rules(graph)
    found = settling.take(work, graph, limit, epoch=context.epoch)
    with lane.fenced(context.epoch):
        reach("settle")
        settling.prepare(work, found, policy)
        occasion = Occasion(Doing.POLICY, work.version)
        left = regroup(
            found.neighbourhoods,
            context,
            policy,
            occasion,
            newborn=False,
            deferred=work.deferred,
        )
        settling.keep(work, found, left, context.now)
        remember("identity policy", context, policy=policy)
    return True


def replay(context: BatchContext, limit: int) -> bool:
    """Find out since when a few of those who were parted are in their audiences. It opens transactions of its own."""
    people = parted.waiting(limit)
    if not people:
        return False
    graph, owners = store(), facts.owners_of([one.profile for one in people])
    told: dict[int, Sequence[Touchpoint]] = {}
    read = 0
    for count, one in enumerate(people, 1):
        mine = [Identifier.of(owner.key) for owner in owners.get(one.profile, ())]
        found = graph.timeline(mine, before=None, limit=parted.MOST + 1)
        if len(found) <= parted.MOST:
            told[one.profile] = found
        read += len(found)
        if read >= parted.MOST:
            people = people[:count]
            break
    since = parted.since(people, told, context)
    with lane.fenced(context.epoch):
        reach("replay")
        parted.keep(people, since)
        remember("replay", context)
    return True


def stop_replaying() -> int | None:
    """Leave the profile that is next as the split left it. Return it, None when none waits. In the caller's transaction."""
    people = parted.waiting(1)
    parted.keep(people, {})
    return people[0].profile if people else None


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


def remember(
    kind: str,
    context: BatchContext,
    rows: Sequence[InboxRow] = (),
    *,
    policy: Policy | None = None,
) -> None:
    """Store that this transaction happened: when it took it to be, its rows, and the versions it used. Four statements.

    `policy`: the rules that it went by, where it read them.
    """
    versions = {
        "identity": (policy or policies.current()).version,
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
