"""The touchpoints of a profile, newest first, out of the graph store."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from identity import pages
from identity.clock import Instant
from identity.graph import policies, store
from identity.graph.policy import Policy
from identity.graph.types import Link
from identity.pages import KeysetPage
from identity.profiles import explain, selectors
from identity.profiles.explain import Refusal
from identity.touchpoints.types import Identifier, Touchpoint


def page(
    profile: int, *, before: tuple[Instant, str] | None, limit: int
) -> KeysetPage[Touchpoint]:
    """Return touchpoints owned by a profile (row id), newest first by (at, id), below `before`."""
    mine = selectors.identifiers(profile)
    known, policy = frozenset(mine), policies.current()
    rows = [
        _without_others(each, known, policy)
        for each in store().timeline(mine, before=before, limit=limit + 1)
    ]
    return pages.cut(rows, limit=limit, key=lambda touchpoint: (touchpoint.at, touchpoint.id))


def _without_others(one: Touchpoint, mine: Collection[Identifier], policy: Policy) -> Touchpoint:
    """Leave out who somebody else is now: of a `max: 1` namespace nobody's profile reads another value, also where a touchpoint carries one.

    That is so where newer evidence gave the owner of a touchpoint to another person than the one it came with.
    """
    kept = (each for each in one.identifiers if each in mine or not _is_only_one(each, policy))
    return replace(one, identifiers=tuple(kept))


def _is_only_one(identifier: Identifier, policy: Policy) -> bool:
    namespace = policy.find(identifier.namespace)
    return namespace is not None and namespace.max == 1


def links(profile: int) -> Sequence[Link]:
    """Return the links inside a profile (row id), newest first."""
    mine: set[Identifier] = set(selectors.identifiers(profile))
    found = {
        (link.a, link.b, link.source): link
        for neighbourhood in store().neighbourhoods(mine)
        for link in neighbourhood.links
        if link.a in mine and link.b in mine
    }
    return sorted(found.values(), key=lambda link: (-link.last_seen, link.a, link.b, link.source))


def refused(profile: int) -> Sequence[Refusal]:
    """Return the links of a profile's identifiers (row id) that the policy refuses; of a hub those seen last."""
    return explain.refusals(set(selectors.identifiers(profile)))
