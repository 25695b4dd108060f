"""Policies that follow the small one, and the lane's work after one was applied, on stages 1 and 2."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from identity.graph import documents, policies
from identity.graph.models import IdentityPolicy
from identity.graph.policy import Namespace, Policy
from identity.graph.port import GraphStore
from identity.profiles import resolve
from identity.profiles.policies import settling
from tests.identity.graph.evidence import SMALL
from tests.identity.profiles.identities import EPOCH, Stages, context

NOW = 9_000


def followed(**changed: Namespace) -> Policy:
    """Return the small policy with these namespaces in the place of its own."""
    return Policy({**SMALL.namespaces, **changed})


def with_limits(max: Callable[[str], int | None], hub: Callable[[str], int | None]) -> Policy:  # noqa: A002
    return Policy(
        {
            name: replace(row, max=max(name), hub=hub(name)) if row.priority < 90 else row
            for name, row in SMALL.namespaces.items()
        }
    )


@st.composite
def successors(draw: st.DrawFn, *, limits: bool) -> Policy:
    """Draw a policy that may follow the small one: other hubs, priorities, blocked values, and with `limits` other limits."""
    hubs = st.one_of(st.none(), st.integers(1, 5))
    rows = {
        name: replace(
            row,
            hub=draw(hubs),
            priority=draw(st.integers(1, 9)),
            max=draw(st.one_of(st.none(), st.integers(1, 3))) if limits else row.max,
        )
        for name, row in SMALL.namespaces.items()
        if name != "household_id"
    }
    return followed(**rows)


def put_in_force(policy: Policy, version: int = 2) -> Policy:
    """Store the policy as one that the lane has just applied; return it as it is read again."""
    IdentityPolicy.objects.create(
        version=version,
        document=documents.write(policy),
        created_at=NOW,
        changed_at=NOW,
        requested_at=NOW,
        applied_at=NOW,
    )
    return policies.current()


def go_by(stages: Stages, policy: Policy) -> None:
    """Let both stages go by another policy, as the lane does from one batch to the next."""
    stages.policy = policy
    stages.store.go_by(policy)


def settle(stages: Stages, limit: int, *, lost: bool = False) -> Any:
    """Do one slice; None when nothing is left. `lost`: the lane dies before its transaction, with the graph store written."""
    work = settling.left()
    if work is None:
        return None
    found = settling.take(work, stages.store, limit, epoch=EPOCH)
    if not lost:
        policy = policies.current()
        settling.prepare(work, found, policy)
        resolved = resolve.regroup(
            found.neighbourhoods, context(), newborn=False, policy=policy, deferred=work.deferred
        )
        settling.keep(work, found, resolved.deferred, NOW)
    return found


def hubs(store: GraphStore) -> dict[str, int]:
    """Return the hubs with their degrees."""
    return {hub.identifier.key: hub.degree for hub in store.hubs(after="", limit=100)}


def settle_all(stages: Stages, limit: int = 3) -> int:
    """Do what is left; return in how many slices."""
    slices = 0
    while settle(stages, limit) is not None:
        slices += 1
    return slices
