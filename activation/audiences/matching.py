"""Which touchpoints the predicates count. Matches are kept per owner, so that merges and splits move nothing.

Of each owner and predicate only the newest `at_least` matches inside the window are kept: whether a profile has n matches in the
window depends on its n-th newest alone, which is among the n newest of its owners.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from activation.audiences.compiling import Matches
from activation.audiences.live import LivePredicate
from identity.clock import Instant
from identity.profiles.types import Arrival
from identity.sql import Rows, execute, fetch
from identity.touchpoints.contacts import is_human
from identity.touchpoints.types import Touchpoint


class Found(NamedTuple):
    """A match, stored or about to be. Newest first is the order of (`at`, `touchpoint`), falling."""

    at: Instant
    touchpoint: str


Spot = tuple[int, int]  # owner, predicate


def find(
    arrivals: Iterable[Arrival], predicates: Mapping[int, LivePredicate]
) -> dict[Spot, list[Found]]:
    """Return the matches among arrivals; what a machine did matches nothing."""
    asked = by_event(predicates)
    found: dict[Spot, list[Found]] = defaultdict(list)
    for arrival in arrivals:
        for predicate in matched(arrival.touchpoint, asked):
            found[arrival.owner, predicate.id].append(_as_found(arrival.touchpoint))
    return found


def by_event(predicates: Mapping[int, LivePredicate]) -> Mapping[str, Sequence[LivePredicate]]:
    """Sort predicates by the event that they count."""
    sorted_: dict[str, list[LivePredicate]] = defaultdict(list)
    for predicate in predicates.values():
        sorted_[predicate.event].append(predicate)
    return sorted_


def matched(
    touchpoint: Touchpoint, asked: Mapping[str, Sequence[LivePredicate]]
) -> list[LivePredicate]:
    """Return the predicates that count a touchpoint; what a machine did counts for none. `asked`: see `by_event`."""
    some = asked.get(touchpoint.event)
    if not some or not is_human(touchpoint.event, touchpoint.properties):
        return []
    return [predicate for predicate in some if predicate.holds(touchpoint.properties)]


def _as_found(touchpoint: Touchpoint) -> Found:
    return Found(touchpoint.at, touchpoint.id)


def keep(
    owners: Mapping[int, Instant],
    found: Mapping[Spot, Sequence[Found]],
    predicates: Mapping[int, LivePredicate],
) -> dict[Spot, list[Found]]:
    """Store what was found and drop what no longer counts; return all that counts for these owners, newest first.

    `owners`: owner -> the instant at which its profile is looked at.
    """
    stored = {spot: old for spot, old in _read(owners).items() if spot[1] in predicates}
    kept: dict[Spot, list[Found]] = {}
    added: list[tuple[int, int, str, int]] = []
    dropped: list[tuple[int, int, str]] = []
    for spot in stored.keys() | found.keys():
        old, new = stored.get(spot, []), found.get(spot, ())
        counted = _newest({*old, *new}, predicates[spot[1]], owners[spot[0]])
        kept[spot] = counted
        if new:
            added += [(*spot, one.touchpoint, one.at) for one in counted if one not in old]
        dropped += [(*spot, one.touchpoint) for one in old if one not in counted]
    _write(added, dropped)
    return kept


def _newest(matches: Iterable[Found], predicate: LivePredicate, moment: Instant) -> list[Found]:
    inside = [one for one in matches if one.at > moment - predicate.window]
    return sorted(inside, reverse=True)[: predicate.at_least]


def counted(
    owners: Sequence[int],
    kept: Mapping[int, Mapping[int, Sequence[Found]]],
    predicates: Mapping[int, LivePredicate],
) -> Matches:
    """Return what rules read: for each predicate that has its `at_least` matches, the time of the n-th newest.

    `kept`: owner -> predicate -> matches, newest first; owners without any may be missing.
    """
    merged: dict[int, list[Instant]] = {}
    for owner in owners:
        for predicate, matches in kept.get(owner, {}).items():
            merged.setdefault(predicate, []).extend(one.at for one in matches)
    return {
        predicates[predicate].key: sorted(times, reverse=True)[predicates[predicate].at_least - 1]
        for predicate, times in merged.items()
        if len(times) >= predicates[predicate].at_least
    }


def by_owner(kept: Mapping[Spot, Sequence[Found]]) -> dict[int, dict[int, Sequence[Found]]]:
    """Sort what `keep` returned by owner."""
    result: dict[int, dict[int, Sequence[Found]]] = {}
    for (owner, predicate), matches in kept.items():
        if matches:
            result.setdefault(owner, {})[predicate] = matches
    return result


def _read(owners: Iterable[int]) -> dict[Spot, list[Found]]:
    rows = Rows("owners", owner="bigint")
    stored: dict[Spot, list[Found]] = {}
    for owner, predicate, touchpoint, at in fetch(
        "SELECT m.owner_id, m.predicate_id, m.touchpoint, m.at"
        f" FROM {rows} JOIN activation_match AS m ON m.owner_id = owners.owner",
        rows.of((owner,) for owner in owners),
    ):
        stored.setdefault((owner, predicate), []).append(Found(at, touchpoint))
    return stored


def _write(
    added: Sequence[tuple[int, int, str, int]], dropped: Sequence[tuple[int, int, str]]
) -> None:
    if added:
        rows = Rows("added", owner="bigint", predicate="bigint", touchpoint="text", at="bigint")
        execute(
            "INSERT INTO activation_match (owner_id, predicate_id, touchpoint, at)"
            f" SELECT owner, predicate, touchpoint, at FROM {rows}",
            rows.of(added),
        )
    if dropped:
        rows = Rows("dropped", owner="bigint", predicate="bigint", touchpoint="text")
        execute(
            "DELETE FROM activation_match WHERE (owner_id, predicate_id, touchpoint) IN"
            f" (SELECT owner, predicate, touchpoint FROM {rows})",
            rows.of(dropped),
        )
