"""Carries out an erasure, a part at a time; the lane comes back until `advance` says that all is done.

Each part is written down before it is done (`pending`, `cursor`), and changes nothing when it is done twice: a lane that dies in
between leaves what the next one needs. The order matters: tombstones first, so that nothing new comes in; then what could still act
(journeys, deliveries); then files, which need the clear values; then the graph, which could make rows anew; rows and traces; last the
identifiers themselves, in one transaction with what came up meanwhile. See docs/decisions/0013-what-an-erasure-leaves.md.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from activation import holdings as activation
from dmp_site import pipeline
from dmp_site.erasing import files, traces, wal
from dmp_site.erasing.files import Traits
from dmp_site.erasing.traces import Known
from identity import holdings as identity
from identity.errors import NotFound
from identity.graph import policies
from identity.graph.port import GraphStore
from identity.privacy import audit, erasures, tombstones, vault
from identity.privacy.models import Erasure
from identity.profiles import assignment, selectors
from identity.sql import Rows, fetch
from identity.stages import reach
from identity.touchpoints.models import Source
from identity.touchpoints.types import BatchContext, Identifier, Touchpoint
from journeys import holdings as journeys

SLICE = 500  # rows or touchpoints in one transaction
FEW = 50  # neighbourhoods that are grouped afresh in one transaction
TOUCHPOINTS, IDENTIFIERS = "graph.touchpoint", "graph.identifier"
_FLOORS = (journeys, activation, identity)
_TRUNCATIONS = 500  # tries to empty the write-ahead log while somebody reads


class Tools(NamedTuple):
    """What the lane lends. `part` opens a transaction that leaves the command open, `last` the one that finishes it."""

    graph: GraphStore
    context: BatchContext
    part: Callable[[], AbstractContextManager[None]]
    last: Callable[[], AbstractContextManager[None]]


def advance(payload: Mapping[str, int], tools: Tools) -> bool:
    """Do the next part of an ERASE command; return whether that was the last. Raises NotFound."""
    row = erasures.one(int(payload["erasure"]))
    reach(f"erase: {row.phase or _FIRST}")
    if row.phase == _OVER or row.state == Erasure.State.DONE:
        _finish(row, tools)
        return True
    PHASES[row.phase or _FIRST](row, tools)
    return False


# --- Who it is ----------------------------------------------------------------------------------------------------------


def _begin(row: Erasure, tools: Tools) -> None:
    keys = _asked_for(row.subject)
    held = _held(tools.graph, keys)
    with tools.part():
        _bury(row, keys)
        row.state, row.started_at = Erasure.State.RUNNING, tools.context.now
        told = activation.told_to(identity.subject(row.keys, row.uids))
        row.notes = [f"partner list {name} has a copy" for name in told]
        _count(row, held)
        _go_on(row, "contacts")


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


def _bury(row: Erasure, keys: Collection[str]) -> None:
    """Take these identifiers into the erasure, with the profiles that they founded, and set the tombstones.

    A household's identifier gets none: whoever else lives there may still be to come.
    """
    new = sorted(set(keys) - set(row.keys))
    uids = _there(assignment.uids_of(map(Identifier.of, new)))
    policy = policies.current()
    alone = [key for key in new if not policy.is_household(Identifier.of(key))]
    tombstones.place([*alone, *map(tombstones.profile_key, uids)], row.pk)
    row.keys = sorted({*row.keys, *new})
    row.uids = sorted({*row.uids, *uids})
    row.identifiers = len(row.keys)


def _there(uids: Collection[str]) -> list[str]:
    known = Rows("known", uid="text")
    rows = fetch(
        f"SELECT p.uid FROM {known} JOIN identity_profile AS p ON p.uid = known.uid",
        known.of((uid,) for uid in uids),
    )
    return [uid for (uid,) in rows]


def _held(graph: GraphStore, keys: Collection[str]) -> dict[str, int]:
    """Return how many of these the graph knows, and how many pairs of identifiers it links one of them with."""
    near = graph.neighbourhoods([Identifier.of(key) for key in keys])
    mine = set(keys)
    nodes = {
        node.identifier for each in near for node in each.nodes if node.identifier.key in mine
    }
    links = {
        (link.a, link.b)
        for each in near
        for link in each.links
        if link.a.key in mine or link.b.key in mine
    }
    return {IDENTIFIERS: len(nodes), "graph.link": len(links)}


# --- What could still act -----------------------------------------------------------------------------------------------


def _contacts(row: Erasure, tools: Tools) -> None:
    with tools.part():
        full = _erase_rows(row, (journeys, activation))
        _go_on(row, "contacts" if full else "files")


def _erase_rows(row: Erasure, floors: Sequence[object]) -> bool:
    """Forget a slice of the person's rows, the highest floor's first; return whether there may be more."""
    person = identity.subject(row.keys, row.uids)
    found: Counter[str] = Counter()
    for floor in floors:
        if (left := SLICE - found.total()) > 0:
            found += floor.erase(person, left)  # type: ignore[attr-defined]
    _count(row, found)
    return found.total() >= SLICE


# --- Files --------------------------------------------------------------------------------------------------------------


def _files(row: Erasure, tools: Tools) -> None:
    """Clean the next file. It is rewritten outside of any transaction; doing it again finds nothing."""
    file = files.known(int(row.cursor.get("file", 0)))
    if file is None:
        with tools.part():
            _go_on(row, "unowned")
        return
    after, name = file.pk, f"file.{file.kind}"
    removed, trouble = files.clean(file, Traits(row.keys, row.uids, _values(row, tools)))
    with tools.part():
        _count(row, {name: removed})
        row.notes = [*row.notes, *([trouble] if trouble else [])]
        _go_on(row, "files", file=after)


def _values(row: Erasure, tools: Tools) -> list[str]:
    """Return the identifiers as people write them, the clear ones out of the vault."""
    readable = [Identifier.of(key) for key in row.keys]
    clear = vault.reveal(
        [(key, vault.VALUE) for key in row.keys],
        actor=row.asked_by,
        why=f"erasure {row.pk}",
        now=tools.context.now,
    )
    personal = {key for key, _ in clear}
    return [
        *clear.values(),
        *(each.value for each in readable if each.key not in personal),
    ]


# --- The graph ----------------------------------------------------------------------------------------------------------


def _unowned(row: Erasure, tools: Tools) -> None:
    """Delete touchpoints that were refused as evidence and name the person: they carry nothing by which they would be found."""
    if _remove_pending(row, tools):
        return
    source, before = int(row.cursor.get("source", 0)), row.cursor.get("before")
    present = Source.objects.filter(pk__gte=source).order_by("pk").first()
    if present is None:
        with tools.part():
            _go_on(row, "touchpoints")
        return
    place = before if present.pk == source else None
    page = tools.graph.unowned(present.pk, before=place, limit=SLICE)
    mine = set(row.keys)
    found = [one for one in page if any(each.key in mine for each in one.identifiers)]
    more = len(page) == SLICE
    with tools.part():
        _plan(row, found)
        _go_on(
            row,
            "unowned",
            source=present.pk if more else present.pk + 1,
            before=page[-1].number if more else None,
        )


def _touchpoints(row: Erasure, tools: Tools) -> None:
    if _remove_pending(row, tools):
        return
    found = tools.graph.carrying(_identifiers(row), limit=SLICE)
    with tools.part():
        _plan(row, found)
        _go_on(row, "touchpoints" if found else "graph")


def _plan(row: Erasure, found: Sequence[Touchpoint]) -> None:
    """Write down and count what is about to go, and whom it knew besides."""
    mine = set(row.keys)
    staying = sum(one.owner is not None and one.owner.key not in mine for one in found)
    row.pending = [one.id for one in found]
    others = {each.key for one in found if one.owner for each in one.identifiers} - mine
    row.others = sorted({*row.others, *others})
    _count(row, {TOUCHPOINTS: len(found) - staying, f"{TOUCHPOINTS} of others": staying})
    traces.forget_refusals(row.pending)


def _remove_pending(row: Erasure, tools: Tools) -> bool:
    """Remove what was written down; return whether there was anything."""
    if not row.pending:
        return False
    tools.graph.erase(row.pending, _identifiers(row), epoch=tools.context.epoch)
    with tools.part():
        row.pending = []
        _go_on(row, row.phase, **row.cursor)
    return True


def _graph(row: Erasure, tools: Tools) -> None:
    """Delete the identifiers with their links; what was only ever seen with them goes too."""
    others = [Identifier.of(key) for key in row.others]
    gone = tools.graph.drop(_identifiers(row), others, epoch=tools.context.epoch)
    with tools.part():
        _bury(row, [each.key for each in gone])
        row.others = sorted({*row.others} - {*row.keys})
        _count(row, {IDENTIFIERS: len(gone)})
        _go_on(row, "others")


def _others(row: Erasure, tools: Tools) -> None:
    """Group those afresh who were seen with the person and stay: without their evidence some may stand otherwise."""
    now, later = row.others[:FEW], row.others[FEW:]
    near = tools.graph.neighbourhoods([Identifier.of(key) for key in now])
    with tools.part():
        if near:
            pipeline.regroup(near, tools.context, newborn=False)
        row.others = later
        _go_on(row, "others" if later else "rows")


def _identifiers(row: Erasure) -> list[Identifier]:
    return [Identifier.of(key) for key in row.keys]


# --- The Django database ------------------------------------------------------------------------------------------------


def _rows(row: Erasure, tools: Tools) -> None:
    """Before the vault goes, what only its clear values find; then every table of every floor."""
    if "aside" not in row.cursor:
        known = Known(frozenset(row.keys), frozenset(_values(row, tools)))
        if theirs := traces.aside(int(row.cursor.get("after", 0)), known):
            tools.graph.erase(theirs, _identifiers(row), epoch=tools.context.epoch)
        with tools.part():
            _scrub(row, "identity.setaside", known, "rows", then={"aside": True})
        return
    with tools.part():
        full = _erase_rows(row, _FLOORS)
        _go_on(row, "rows" if full else "traces", **(row.cursor if full else {}))


def _traces(row: Erasure, tools: Tools) -> None:
    places = [place for place in traces.PLACES if place != "identity.setaside"]
    place = row.cursor.get("place", places[0])
    following = places[places.index(place) + 1 :]
    known = Known(frozenset(row.keys), frozenset())
    after = row.cursor.get("after", 0)
    with tools.part():
        if following:
            _scrub(row, place, known, "traces", then={"place": following[0]})
        elif _scrub(row, place, known, "traces", then={}):
            _go_on(row, "end", after=after)


def _scrub(
    row: Erasure, place: str, known: Known, phase: str, *, then: Mapping[str, object]
) -> bool:
    """Scrub the next rows of a place; return whether that was all, so that `then` is next."""
    changed, after = traces.scrub(place, int(row.cursor.get("after", 0)), known)
    _count(row, {place: changed})
    if after is None:
        _go_on(row, phase, **then)
        return True
    _go_on(row, phase, **{**row.cursor, "after": after})
    return False


def _end(row: Erasure, tools: Tools) -> None:
    """Delete the identifiers and profiles; from this moment on who comes is somebody new."""
    now, known = tools.context.now, Known(frozenset(row.keys), frozenset())
    with tools.part():
        if _erase_rows(row, _FLOORS):
            _go_on(row, "end", **row.cursor)
            return
        if not _scrub(row, traces.COMMANDS, known, "end", then={}):
            return
        _count(row, identity.end(identity.subject(row.keys, row.uids)))
        tombstones.close(row.pk, now)
        row.subject, row.keys, row.uids, row.others, row.pending = {}, [], [], [], []
        row.erased_at = now
        audit.record(row.asked_by, "person.erased", f"identity.erasure:{row.pk}", {}, now)
        _go_on(row, "log")


def _log(row: Erasure, tools: Tools) -> None:
    """Bring what was deleted out of SQLite's write-ahead log, where copies of old pages lie."""
    tries = int(row.cursor.get("tries", 0)) + 1
    emptied = wal.truncate()
    with tools.part():
        if not emptied and tries >= _TRUNCATIONS:
            row.notes = [*row.notes, "the write-ahead log is read all the time: not emptied yet"]
        over = emptied or tries >= _TRUNCATIONS
        _go_on(row, _OVER if over else "log", tries=tries)


def _finish(row: Erasure, tools: Tools) -> None:
    with tools.last():
        if row.state != Erasure.State.DONE:
            row.state, row.finished_at = Erasure.State.DONE, tools.context.now
            _go_on(row, "")
        pipeline.remember(erasures.ERASE, tools.context)


# --- What all have in common ---

_FIRST, _OVER = "begin", "over"
PHASES: Mapping[str, Callable[[Erasure, Tools], None]] = {
    _FIRST: _begin,
    "contacts": _contacts,
    "files": _files,
    "unowned": _unowned,
    "touchpoints": _touchpoints,
    "graph": _graph,
    "others": _others,
    "rows": _rows,
    "traces": _traces,
    "end": _end,
    "log": _log,
}


def _count(row: Erasure, found: Mapping[str, int]) -> None:
    row.removed = dict(+(Counter(row.removed) + Counter(found)))


def _go_on(row: Erasure, phase: str, /, **cursor: object) -> None:
    """Store how far it is, in the caller's transaction."""
    row.phase, row.cursor = phase, cursor
    row.save()
