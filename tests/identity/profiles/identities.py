"""Stages 1 and 2 for tests: a stream of events goes through the store and the assignment."""

from collections.abc import Iterable, Sequence

from identity.clock import Instant
from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import founder, partition
from identity.graph.policy import Policy
from identity.graph.types import Decision
from identity.profiles import models, resolve
from identity.profiles.assignment import uids_of
from identity.profiles.types import Resolved
from identity.touchpoints.types import BatchContext, Identifier, Mode, Touchpoint
from tests.identity.graph.evidence import SMALL, Event, graph, touchpoint
from tests.stores import empty_graph

EPOCH = 1


def context(now: Instant = 5_000) -> BatchContext:
    return BatchContext(now=now, horizon=now, mode=Mode.LIVE, epoch=EPOCH)


class Stages:
    """Stage 1 and stage 2 as the pipeline runs them."""

    def __init__(self, policy: Policy = SMALL) -> None:
        self.policy = policy
        self.store = empty_graph(policy)
        self.store.raise_epoch(EPOCH)

    def run(self, *batch: Touchpoint | Event, now: Instant = 5_000) -> Resolved:
        touchpoints = [
            touchpoint(each, self.policy) if isinstance(each, Event) else each for each in batch
        ]
        contested = resolve.contested(touchpoints, self.policy)
        recorded = self.store.record(touchpoints, epoch=EPOCH, contested=contested)
        return resolve.resolve(touchpoints, recorded, context(now), policy=self.policy)

    def set_aside(self, *batch: Touchpoint, aside: bool = True) -> Resolved:
        changed = self.store.set_aside([each.id for each in batch], epoch=EPOCH, aside=aside)
        return resolve.regroup(changed, context(), newborn=False, policy=self.policy)


def assignment() -> dict[str, str]:
    """Return identifier -> id of its profile, as stored."""
    return dict(models.Identifier.objects.values_list("key", "profile__uid"))


def expected(
    stream: Iterable[Event], policy: Policy = SMALL, decisions: Sequence[Decision] = ()
) -> dict[str, str]:
    """Return the same from the evidence and the decisions alone, by the pure functions."""
    nodes, links = graph(stream, policy, decisions)
    known = {node.identifier for node in nodes}
    telling = [each for each in decisions if {each.a, each.b} <= known]
    found: dict[str, str] = {}
    for neighbourhood in neighbourhoods(nodes, links, policy, telling):
        for profile in partition(neighbourhood, policy).profiles:
            if policy.is_household(profile[0].identifier):
                continue
            uid = uid_of(founder(profile, policy))
            found |= {node.identifier.key: uid for node in profile}
    return found


def uids(resolved: Resolved) -> tuple[list[tuple[int, str, str]], set[str], dict[str, set[str]]]:
    """Return what was resolved in words that do not depend on row ids."""
    uid = dict(models.Profile.objects.values_list("pk", "uid"))
    keys = {row: identifier.key for row, identifier in resolved.identifiers.items()}
    return (
        [
            (each.touchpoint.number, keys[each.owner], uid[each.profile])
            for each in resolved.arrivals
        ],
        {uid[row] for row in resolved.moved},
        {
            uid[person.profile]: {keys[owner] for owner in person.owners}
            for person in resolved.people.values()
        },
    )


def uid_of(founder: Identifier) -> str:
    return uids_of([founder])[0]


def ids(*keys: str) -> tuple[Identifier, ...]:
    return tuple(map(Identifier.of, keys))


def seen(number: int, *keys: str, at: int = 0, source: int = 1) -> Event:
    return Event(at or number * 10, ids(*keys), source, number=number)


def cut(batch: Sequence[Event], size: int) -> list[Sequence[Event]]:
    return [batch[start : start + size] for start in range(0, len(batch), size)]
