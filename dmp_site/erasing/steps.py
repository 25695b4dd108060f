"""Carries out an erasure, a part at a time; the lane comes back until `advance` says that all is done.

Each part is written down before it is done (`pending`, `cursor`), and changes nothing when it is done twice: a lane that dies in
between leaves what the next one needs. The order matters: tombstones first, so that nothing new comes in; then what could still act
(journeys, deliveries); then files, which need the clear values; then the graph, which could make rows anew; other people's history, rows and
traces; last the identifiers themselves, in one transaction with what came up meanwhile. See docs/decisions/0013-what-an-erasure-leaves.md.
"""

from collections.abc import Callable, Mapping

from activation import holdings as activation
from dmp_site import pipeline
from dmp_site.erasing import evidence, files, history, parts, tables, wal
from dmp_site.erasing.parts import Tools
from identity import holdings as identity
from identity.errors import NotFound
from identity.privacy import audit, erasures, tombstones
from identity.privacy.models import Erasure
from identity.profiles import selectors
from identity.stages import reach
from identity.touchpoints.types import Identifier

__all__ = ["PHASES", "Tools", "advance"]

_TRUNCATIONS = 500  # tries to empty the write-ahead log while somebody reads


def advance(payload: Mapping[str, int], tools: Tools) -> bool:
    """Do the next part of an ERASE command; return whether there is nothing more to do now: it was the last, or waits. Raises NotFound."""
    row = erasures.one(int(payload["erasure"]))
    reach(f"erase: {row.phase or _FIRST}")
    if row.phase == _OVER or row.state == Erasure.State.DONE:
        _finish(row, tools)
        return True
    return bool(PHASES[row.phase or _FIRST](row, tools))


# --- Who it is ----------------------------------------------------------------------------------------------------------


def _begin(row: Erasure, tools: Tools) -> None:
    with tools.part():
        parts.bury(row, _asked_for(row.subject))
        row.state, row.started_at = Erasure.State.RUNNING, tools.context.now
        told = activation.told_to(identity.subject(row.keys, row.uids))
        row.notes = [f"partner list {name} has a copy" for name in told]
        parts.go_on(row, "contacts")


def _asked_for(subject: Mapping[str, str]) -> list[str]:
    """Return the keys of all identifiers of the person, as of now."""
    try:
        if "profile" in subject:
            home = selectors.find(subject["profile"]).profile
        else:
            home = selectors.by_identifier(Identifier.of(subject["identifier"]))
    except NotFound:  # merged away, erased or not seen yet
        return [subject["identifier"]] if "identifier" in subject else []
    return [each.key for each in selectors.identifiers(home.pk)]


# --- The end ------------------------------------------------------------------------------------------------------------


def _end(row: Erasure, tools: Tools) -> None:
    """Delete the identifiers and profiles; from this moment on who comes is somebody new."""
    now = tools.context.now
    with tools.part():
        if not tables.what_came_up(row):
            return
        parts.count(row, identity.end(identity.subject(row.keys, row.uids)))
        tombstones.close(row.pk, now)
        row.subject, row.keys, row.uids, row.others, row.pending = {}, [], [], [], []
        row.erased_at = now
        audit.record(row.asked_by, "person.erased", f"identity.erasure:{row.pk}", {}, now)
        parts.go_on(row, "log")


def _log(row: Erasure, tools: Tools) -> None:
    """Bring what was deleted out of SQLite's write-ahead log, where copies of old pages lie."""
    tries = int(row.cursor.get("tries", 0)) + 1
    emptied = wal.truncate()
    with tools.part():
        if not emptied and tries >= _TRUNCATIONS:
            row.notes = [*row.notes, "the write-ahead log is read all the time: not emptied yet"]
        over = emptied or tries >= _TRUNCATIONS
        parts.go_on(row, _OVER if over else "log", tries=tries)


def _finish(row: Erasure, tools: Tools) -> None:
    with tools.last():
        if row.state != Erasure.State.DONE:
            row.state, row.finished_at = Erasure.State.DONE, tools.context.now
            parts.go_on(row, "")
        pipeline.remember(erasures.ERASE, tools.context)


_FIRST, _OVER = "begin", "over"
PHASES: Mapping[str, Callable[[Erasure, Tools], bool | None]] = {
    _FIRST: _begin,
    "contacts": tables.contacts,
    "files": files.clean,
    "touchpoints": evidence.touchpoints,
    "silence": evidence.silence,
    "links": evidence.links,
    "others": evidence.others,
    "nodes": evidence.nodes,
    "unowned": evidence.unowned,
    "history": history.moves,
    "rows": tables.rows,
    "traces": tables.names,
    "end": _end,
    "log": _log,
}
