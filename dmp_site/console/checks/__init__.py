"""What can be wrong with an installation, how it shows, and the command that mends it.

`doctor`, the health page and GET /api/v1/health show the same list.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from dmp_site.console.checks.findings import TITLES, Finding, Level, fault
from dmp_site.console.checks.leftovers import broken, crowds, set_aside
from dmp_site.console.checks.mending import mend
from dmp_site.console.checks.moves import open_move
from dmp_site.console.checks.processes import (
    CLUSTER_SILENT,
    LANE_SILENT,
    backlog,
    cluster,
    collector,
    members,
    sender,
    the_lane,
)
from dmp_site.console.checks.stores import database, disk, graph_identity, inbox_identity, keys
from dmp_site.console.checks.surroundings import clock, public_address
from identity.clock import Instant

__all__ = [
    "CHECKS",
    "CLUSTER_SILENT",
    "LANE_SILENT",
    "TITLES",
    "Finding",
    "Level",
    "broken",
    "mend",
    "public_address",
    "run",
    "the_lane",
    "worst",
]

log = logging.getLogger(__name__)

Check = Callable[[Instant], Finding | None]  # None: there is nothing of the kind here

CHECKS: Mapping[str, Check] = {
    "keys": keys,
    "inbox": inbox_identity,
    "graph": graph_identity,
    "lane": the_lane,
    "backlog": backlog,
    "members": members,
    "sender": sender,
    "jobs": cluster,
    "collector": collector,
    "disk": disk,
    "clock": clock,
    "set aside": set_aside,
    "crowds": crowds,
    "broken": broken,
    "address": public_address,
}
_WITHOUT_DATABASE = ("collector", "disk")
_WHILE_IT_MOVES = ("disk",)  # nothing runs then, and nothing should be started


def run(now: Instant) -> list[Finding]:
    """Run every check; one that cannot be carried out is a fault of its own, named by what mends that."""
    found = [_carefully("database", database, now)]
    left: Iterable[str] = CHECKS
    if worst([one for one in found if one]) is not Level.OK:
        left = _WITHOUT_DATABASE
    elif move := _carefully("move", open_move, now):
        found.append(move)
        left = _WHILE_IT_MOVES
    found += [_carefully(name, CHECKS[name], now) for name in left]
    return [one for one in found if one]


def worst(findings: Sequence[Finding]) -> Level:
    """Return the level of the worst finding."""
    found = {finding.level for finding in findings}
    return next((level for level in (Level.FAULT, Level.NOTICE) if level in found), Level.OK)


def _carefully(name: str, check: Check, now: Instant) -> Finding | None:
    try:
        return check(now)
    except Exception as error:
        log.debug("The check of %s failed", name, exc_info=error)
        return fault(name, f"{type(error).__name__}: {error}", mend(error))
