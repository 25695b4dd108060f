"""Takes a person's identifiers out of other people's history: moves that brought one of theirs along, or whose evidence names one.

Whoever a move names was in one of the two profiles that it is between, before or behind it: so the moves of the profiles in which the person's
identifiers are, or ever were, are all there is to look at, however many others there are. Where they were, passages say, which go with the
person's rows: this comes before.
"""

from collections.abc import Collection

import msgspec

from dmp_site.erasing import parts
from dmp_site.erasing.parts import Tools
from dmp_site.erasing.traces import names
from identity import holdings as identity
from identity.privacy.models import Erasure
from identity.profiles import splits
from identity.profiles.models import ProfileMove
from identity.sql import any_of

SLICE = 1_000  # moves looked at in one transaction,
PROFILES = 100  # of so many profiles
_START = (0, 0)  # before every move of a profile


def moves(row: Erasure, tools: Tools) -> None:
    """First write down the profiles of other people; then look at their moves, some at a time. Moves of the person's own go with the rows."""
    theirs = frozenset(identity.subject((), row.uids).profiles)
    if "at" not in row.cursor:
        row.pending = sorted(splits.homes(row.keys) - theirs)
        with tools.part():
            parts.go_on(row, "history", at=0)
        return
    at, after = int(row.cursor["at"]), tuple(row.cursor.get("after", _START))
    left, until = SLICE, at + PROFILES
    with tools.part():
        while left and at < min(until, len(row.pending)):
            page = splits.page(row.pending[at], after, left)
            _scrub(row, [move for _, move in page], theirs)
            left -= len(page)
            at, after = (at + 1, _START) if left else (at, page[-1])
        if at < len(row.pending):
            parts.go_on(row, "history", at=at, after=after)
        else:
            row.pending = []
            parts.go_on(row, "rows")


def _scrub(row: Erasure, these: Collection[int], theirs: Collection[int]) -> None:
    if not these:
        return
    keys = frozenset(row.keys)
    found = ProfileMove.objects.filter(pk__in=any_of("bigint", these))
    changed = sum(
        _without(move, keys)
        for move in found
        if move.origin_id not in theirs and move.target_id not in theirs
    )
    parts.count(row, {"identity.profilemove": changed})


def _without(row: ProfileMove, keys: frozenset[str]) -> bool:
    """Take the identifiers, and the evidence that they are an end of, out of a move; return whether there were any."""
    identifiers = msgspec.json.decode(row.identifiers)
    evidence = msgspec.json.decode(row.evidence)
    if not names([identifiers, evidence], keys):
        return False
    left = [key for key in identifiers if key not in keys]
    if not left:
        row.delete()
        return True
    row.identifiers = msgspec.json.encode(left).decode()
    kept = {
        name: [link for link in links if not names(link, keys)] for name, links in evidence.items()
    }
    row.evidence = msgspec.json.encode(kept).decode()
    row.save(update_fields=["identifiers", "evidence"])
    return True
