"""The touchpoints of a profile, newest first, out of the graph store."""

from collections.abc import Sequence

from identity import pages
from identity.clock import Instant
from identity.graph import store
from identity.graph.types import Link
from identity.pages import KeysetPage
from identity.profiles import explain, selectors
from identity.profiles.explain import Refusal
from identity.touchpoints.types import Identifier, Touchpoint


def page(
    profile: int, *, before: tuple[Instant, str] | None, limit: int
) -> KeysetPage[Touchpoint]:
    """Return touchpoints owned by a profile (row id), newest first by (at, id), below `before`."""
    rows = store().timeline(selectors.identifiers(profile), before=before, limit=limit + 1)
    return pages.cut(rows, limit=limit, key=lambda touchpoint: (touchpoint.at, touchpoint.id))


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
