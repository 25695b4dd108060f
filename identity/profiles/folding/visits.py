"""Visits: a batch's activity joined with the stored intervals that it touches."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from identity.clock import Instant
from identity.profiles.types import Resolved
from identity.profiles.visits import SILENCE, Interval, is_activity, join, visitor
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import Identifier

Visits = dict[int, list[Interval]]  # row id of the visitor's identifier -> intervals


def fold(resolved: Resolved) -> None:
    """Extend, join or begin visits; at most four statements."""
    new = _activity(resolved)
    if not new:
        return
    known = _touching(new)
    joined = {visitor: join([*new[visitor], *known.get(visitor, ())]) for visitor in new}
    _store(joined, known)


def _activity(resolved: Resolved) -> Visits:
    moments: dict[Identifier, list[Instant]] = defaultdict(list)
    for arrival in resolved.arrivals:
        if is_activity(arrival.touchpoint):
            whose = visitor(arrival.touchpoint, resolved.policy)
            if whose is not None:
                moments[whose].append(arrival.touchpoint.at)
    rows = _row_ids(moments, resolved)
    return {
        rows[whose]: join(Interval(at, at, 1) for at in instants)
        for whose, instants in moments.items()
        if whose in rows
    }


def _row_ids(wanted: Iterable[Identifier], resolved: Resolved) -> dict[Identifier, int]:
    """Find the identifiers' rows; a device that is refused as a link belongs to another profile than the touchpoint."""
    known = {identifier: row for row, identifier in resolved.identifiers.items()}
    missing = [one for one in wanted if one not in known]
    if missing:
        rows = Rows("wanted", key="text")
        found = fetch(
            f"SELECT i.id, i.key FROM {rows} JOIN identity_identifier AS i ON i.key = wanted.key",
            rows.of((one.key,) for one in missing),
        )
        known |= {Identifier.of(key): row for row, key in found}
    return known


def _touching(new: Visits) -> Visits:
    """Read the stored visits less than 30 minutes away from the new ones.

    Visits of one visitor do not overlap: of those that began before, only the last can reach that far.
    """
    spans = Rows("span", visitor="bigint", started_at="bigint", ended_at="bigint")
    found = fetch(
        "SELECT DISTINCT v.owner_id, v.started_at, v.ended_at, v.touchpoints"
        f" FROM {spans} JOIN identity_visit AS v ON v.owner_id = span.visitor"
        f" AND v.started_at < span.ended_at + {SILENCE}"
        " AND v.started_at >= COALESCE((SELECT MAX(b.started_at) FROM identity_visit AS b"
        " WHERE b.owner_id = span.visitor AND b.started_at <= span.started_at), span.started_at)"
        f" AND v.ended_at > span.started_at - {SILENCE}",
        spans.of((owner, *one[:2]) for owner, visits in new.items() for one in visits),
    )
    touching: Visits = defaultdict(list)
    for owner, *interval in found:
        touching[owner].append(Interval(*interval))
    return touching


def _store(joined: Mapping[int, Sequence[Interval]], known: Visits) -> None:
    """Write the joined visits over those that they grew from, and take away those that they swallowed."""
    kept = {(owner, one.started_at) for owner, visits in joined.items() for one in visits}
    swallowed = [
        (owner, one.started_at)
        for owner, visits in known.items()
        for one in visits
        if (owner, one.started_at) not in kept
    ]
    if swallowed:
        gone = Rows("gone", visitor="bigint", started_at="bigint")
        execute(
            "DELETE FROM identity_visit WHERE (owner_id, started_at) IN"
            f" (SELECT gone.visitor, gone.started_at FROM {gone})",
            gone.of(swallowed),
        )
    rows = Rows(
        "joined", visitor="bigint", started_at="bigint", ended_at="bigint", touchpoints="bigint"
    )
    execute(
        "INSERT INTO identity_visit (owner_id, started_at, ended_at, touchpoints)"
        " SELECT joined.visitor, joined.started_at, joined.ended_at, joined.touchpoints"
        f" FROM {rows} WHERE true ON CONFLICT (owner_id, started_at) DO UPDATE SET"
        " ended_at = excluded.ended_at, touchpoints = excluded.touchpoints",
        rows.of((owner, *one) for owner, visits in joined.items() for one in visits),
    )
