"""Takes a person out of the graph: touchpoints, links, identifiers, and in the end what was refused as evidence and names them.

Whoever goes leads nowhere before their first link goes: who is grouped afresh meanwhile is grouped without them, once and for all.
"""

from collections.abc import Sequence

from dmp_site import pipeline
from dmp_site.erasing import parts, traces
from dmp_site.erasing.parts import SLICE, Tools, identifiers
from identity.graph import policies
from identity.privacy.models import Erasure
from identity.profiles import unsettled
from identity.profiles.occasions import Doing, Occasion
from identity.touchpoints.models import Source
from identity.touchpoints.types import Identifier, Touchpoint

TOUCHPOINTS, LINKS, IDENTIFIERS = "graph.touchpoint", "graph.link", "graph.identifier"


def touchpoints(row: Erasure, tools: Tools) -> None:
    """Delete what is theirs; whoever no touchpoint names any more goes along with them.

    Households are asked in the end: they have no tombstone, so that somebody may come meanwhile.
    """
    if row.pending:
        _remove(row, tools)
        return
    mine, further = _next(row)
    found = tools.graph.carrying(mine, limit=SLICE)
    with tools.part():
        _plan(row, found)
        if found:
            parts.go_on(row, "touchpoints", **row.cursor)
        else:
            parts.go_on(row, "touchpoints" if further else "silence", **further)


def _plan(row: Erasure, found: Sequence[Touchpoint]) -> None:
    """Write down and count what is about to go, and whom it knew besides."""
    mine = set(row.keys)
    staying = sum(one.owner is not None and one.owner.key not in mine for one in found)
    row.pending = [one.id for one in found]
    others = {each.key for one in found if one.owner for each in one.identifiers} - mine
    row.others = sorted({*row.others, *others})
    going = len(found) - staying
    parts.count(row, {TOUCHPOINTS: going, f"{TOUCHPOINTS} of others": staying})
    traces.forget_refusals(row.pending)


def _remove(row: Erasure, tools: Tools) -> None:
    """Remove the touchpoints that were written down."""
    policy = policies.current()
    others = [Identifier.of(key) for key in row.others]
    homes = [each.key for each in others if policy.is_household(each)]
    tools.graph.erase(row.pending, identifiers(row), epoch=tools.context.epoch)
    gone = tools.graph.unnamed([each for each in others if each.key not in homes])
    with tools.part():
        parts.bury(row, [each.key for each in gone])
        row.pending, row.others = [], homes
        parts.go_on(row, row.phase, **row.cursor)


def silence(row: Erasure, tools: Tools) -> None:
    """Let the identifiers lead nowhere."""
    mine, further = _next(row)
    known = tools.graph.silence(mine, epoch=tools.context.epoch)
    with tools.part():
        parts.count(row, {IDENTIFIERS: len(known)})
        parts.go_on(row, "silence" if further else "links", **further)


def links(row: Erasure, tools: Tools) -> None:
    """Delete their links."""
    if row.pending:
        _unlink(row, tools)
        return
    mine, further = _next(row)
    pairs = tools.graph.linked(mine, limit=SLICE)
    with tools.part():
        if pairs:
            row.pending = [[a.key, b.key] for a, b in pairs]
            parts.count(row, {LINKS: len(pairs)})
            parts.go_on(row, "links", **row.cursor)
        else:
            parts.go_on(row, "links" if further else "others", **further)


def _unlink(row: Erasure, tools: Tools) -> None:
    """Delete the links that were written down, and note who was linked with the person and stays."""
    keys = set(row.keys)
    pairs = [(Identifier.of(a), Identifier.of(b)) for a, b in row.pending]
    around = {each for pair in pairs for each in pair if each.key not in keys}
    tools.graph.unlink(pairs, around, epoch=tools.context.epoch)
    with tools.part():
        unsettled.mark(around)
        row.pending = []
        parts.go_on(row, "links", **row.cursor)


def others(row: Erasure, tools: Tools) -> None:
    """Group those afresh who were linked with the person: without their evidence some may stand otherwise."""
    some, policy = unsettled.some(unsettled.SLICE), policies.current()
    near = tools.graph.neighbourhoods(some)
    with tools.part():
        unsettled.settle(some, policy)
        before = unsettled.read(row.cursor.get("deferred", []))
        occasion = Occasion(Doing.ERASURE, row.pk)
        left = pipeline.regroup(
            near, tools.context, policy, occasion, newborn=False, deferred=before
        )
        more = left or unsettled.some(1)
        cursor = {"deferred": unsettled.written(left)} if more else {}
        parts.go_on(row, "others" if more else "nodes", **cursor)


def nodes(row: Erasure, tools: Tools) -> None:
    """Delete the identifiers, and with the last of them the households that no touchpoint names any more."""
    mine, further = _next(row)
    homes = [] if further else [Identifier.of(key) for key in row.others]
    gone = tools.graph.drop(mine, homes, epoch=tools.context.epoch)
    with tools.part():
        # Before they were silenced, a batch may have made them found profiles anew: these go, and their ids are free.
        row.uids = sorted({*row.uids, *parts.founded([each.key for each in mine])})
        if further:
            parts.go_on(row, "nodes", **further)
            return
        parts.bury(row, [each.key for each in gone])
        parts.count(row, {IDENTIFIERS: len(gone)})
        row.others = []
        parts.go_on(row, "unowned")


def unowned(row: Erasure, tools: Tools) -> None:
    """Delete touchpoints that were refused as evidence and name the person: they carry nothing by which they would be found."""
    if row.pending:
        _remove(row, tools)
        return
    source, before = int(row.cursor.get("source", 0)), row.cursor.get("before")
    present = Source.objects.filter(pk__gte=source).order_by("pk").first()
    if present is None:
        with tools.part():
            parts.go_on(row, "history")
        return
    place = before if present.pk == source else None
    page = tools.graph.unowned(present.pk, before=place, limit=SLICE)
    mine = set(row.keys)
    found = [one for one in page if any(each.key in mine for each in one.identifiers)]
    more = len(page) == SLICE
    with tools.part():
        _plan(row, found)
        parts.go_on(
            row,
            "unowned",
            source=present.pk if more else present.pk + 1,
            before=page[-1].number if more else None,
        )


def _next(row: Erasure) -> tuple[list[Identifier], dict[str, int]]:
    """Return the next of the person's identifiers, and the cursor behind them: {} behind the last.

    Who is taken along meanwhile only moves others back, so that none is passed over.
    """
    at = int(row.cursor.get("at", 0))
    mine = [Identifier.of(key) for key in row.keys[at : at + SLICE]]
    return mine, {"at": at + SLICE} if at + SLICE < len(row.keys) else {}
