"""Takes a person out of the Django database: what could still act, rows that hang on them, and texts that name them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from activation import holdings as activation
from dmp_site.erasing import parts, traces
from dmp_site.erasing.aside import Known
from dmp_site.erasing.parts import SLICE, Tools
from identity import holdings as identity
from identity.privacy.models import Erasure
from journeys import holdings as journeys

_FLOORS = (journeys, activation, identity)


def contacts(row: Erasure, tools: Tools) -> None:
    """Delete what could still act."""
    with tools.part():
        full = _erase(row, (journeys, activation))
        parts.go_on(row, "contacts" if full else "files")


def rows(row: Erasure, tools: Tools) -> None:
    """Before the vault goes, what only its clear values find; then every table of every floor."""
    if "aside" not in row.cursor:
        known = Known(frozenset(row.keys), frozenset(parts.values(row, tools)))
        if theirs := traces.aside(int(row.cursor.get("after", 0)), known):
            tools.graph.erase(theirs, parts.identifiers(row), epoch=tools.context.epoch)
        with tools.part():
            _scrub(row, "identity.setaside", known, "rows", then={"aside": True})
        return
    with tools.part():
        full = _erase(row, _FLOORS)
        parts.go_on(row, "rows" if full else "traces", **(row.cursor if full else {}))


def names(row: Erasure, tools: Tools) -> None:
    """Take the identifiers out of texts."""
    places = [place for place in traces.PLACES if place != "identity.setaside"]
    place = row.cursor.get("place", places[0])
    following = places[places.index(place) + 1 :]
    known = Known(frozenset(row.keys), frozenset())
    after = row.cursor.get("after", 0)
    with tools.part():
        if following:
            _scrub(row, place, known, "traces", then={"place": following[0]})
        elif _scrub(row, place, known, "traces", then={}):
            parts.go_on(row, "end", after=after)


def what_came_up(row: Erasure) -> bool:
    """Delete what came up meanwhile, in the caller's transaction; return whether that was all: else it is written where to go on."""
    if _erase(row, _FLOORS):
        parts.go_on(row, "end", **row.cursor)
        return False
    known = Known(frozenset(row.keys), frozenset())
    return _scrub(row, traces.COMMANDS, known, "end", then={})


def _erase(row: Erasure, floors: Sequence[object]) -> bool:
    """Forget a slice of the person's rows, the highest floor's first; return whether there may be more."""
    person = identity.subject(row.keys, row.uids)
    found: Counter[str] = Counter()
    for floor in floors:
        if (left := SLICE - found.total()) > 0:
            found += floor.erase(person, left)  # type: ignore[attr-defined]
    parts.count(row, found)
    return found.total() >= SLICE


def _scrub(
    row: Erasure, place: str, known: Known, phase: str, *, then: Mapping[str, object]
) -> bool:
    """Scrub the next rows of a place; return whether that was all, so that `then` is next."""
    changed, after = traces.scrub(place, int(row.cursor.get("after", 0)), known)
    parts.count(row, {place: changed})
    if after is None:
        parts.go_on(row, phase, **then)
        return True
    parts.go_on(row, phase, **{**row.cursor, "after": after})
    return False
