"""Commands of the lane that change the graph too: what people decided, what is to be forgotten, what has to be grouped afresh."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dmp_site.pipeline import Fence, regroup, remember, rules
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood, alone
from identity.profiles import decisions, forgetting, rebuild, recounting, resolve, unsettled
from identity.profiles.folding import households
from identity.profiles.occasions import REBUILD, Doing, Occasion
from identity.touchpoints import forgetting as sources
from identity.touchpoints.types import BatchContext


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


def repair(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Bring the identifiers of a REGROUP command where the evidence says they belong."""
    policy = rules(graph)
    neighbourhoods = graph.neighbourhoods(rebuild.asked_for(payload))
    with fence():
        regroup(neighbourhoods, context, policy, REBUILD, newborn=True)
        remember(resolve.REGROUP, context, policy=policy)


def recount(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Add up again what the graph holds otherwise than its touchpoints say; those around it are grouped when all is added up."""
    policy = rules(graph)
    around = graph.recount(recounting.asked_for(payload), epoch=context.epoch)
    with fence():
        unsettled.mark(around)
        remember(recounting.RECOUNT, context, policy=policy)


def recarry(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Write again what touchpoints carry whose identifiers were lost from the graph."""
    policy = rules(graph)
    graph.recarry(recounting.to_be_carried(payload), epoch=context.epoch)
    with fence():
        remember(recounting.RECARRY, context, policy=policy)


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
    policy = rules(graph)
    changed = graph.decide(change.standing, epoch=context.epoch)
    with fence():
        decisions.keep(change, context.now)
        occasion = Occasion(Doing.DECISION, change.decision)
        regroup(changed, context, policy, occasion, newborn=False)
        remember(kind, context, policy=policy)


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
    policy = rules(graph)
    detached = graph.forget(
        asked.identifier, after=asked.after, limit=forgetting.SLICE, epoch=context.epoch
    )
    whole = forgetting.is_whole(asked, detached)
    near = graph.neighbourhoods(detached.around) if whole else ()
    with fence():
        forgetting.keep(asked, detached, context.now)
        if not whole:
            unsettled.mark(detached.around)
        if detached.after is None:
            own = [*near, alone(asked.identifier)]
            _go_on(own, forgetting.left_to_group(asked.identifier), context, policy)
        remember(forgetting.FORGET, context, policy=policy)


def settle_forgotten(
    _kind: str,
    payload: Mapping[str, Any],
    context: BatchContext,
    *,
    graph: GraphStore,
    fence: Fence,
) -> None:
    """Group a slice of those around whom evidence was taken away; the next is a command of its own."""
    work = unsettled.asked_for(payload)
    policy = rules(graph)
    some = unsettled.some(unsettled.SLICE)
    near = graph.neighbourhoods(some)
    with fence():
        unsettled.settle(some, policy)
        _go_on(near, work, context, policy)
        remember(unsettled.SETTLE, context, policy=policy)


def _go_on(
    near: Sequence[Neighbourhood], work: unsettled.Work, context: BatchContext, policy: Policy
) -> None:
    """Group these afresh; ask for the next slice while any is marked."""
    left = regroup(near, context, policy, work.occasion, newborn=False, deferred=work.deferred)
    if left or unsettled.some(1):
        unsettled.ask(work._replace(deferred=left), "lane", context.now)
    elif work.source:
        sources.finish(work.source, context.now)


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
    policy = rules(graph)
    swept = graph.forget_source(
        asked.source, after=asked.after, limit=sources.SLICE, epoch=context.epoch
    )
    with fence():
        sources.keep(asked, swept, context.now)
        unsettled.mark(swept.around)
        households.forget(asked.source, swept.around)
        if swept.after is None:
            unsettled.ask(unsettled.Work({}, asked.source), "lane", context.now)
        remember(sources.FORGET, context, policy=policy)


ON_GRAPH: Mapping[str, OnGraph] = {
    **dict.fromkeys(decisions.KINDS, decide),
    forgetting.FORGET: forget,
    sources.FORGET: forget_source,
    unsettled.SETTLE: settle_forgotten,
    recounting.RECOUNT: recount,
    recounting.RECARRY: recarry,
    resolve.REGROUP: repair,
}
