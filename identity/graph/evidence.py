"""What touchpoints say about identifiers and links, added up before a store sees it. No Django, no store."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from identity.clock import Instant
from identity.graph.types import SOURCE_FORGOTTEN
from identity.touchpoints.types import Identifier, Touchpoint

Pair = tuple[Identifier, Identifier]


@dataclass(slots=True)
class Evidence:
    """What some touchpoints of one source say about one pair; `first_number` is the lowest of their inbox numbers."""

    first_seen: Instant
    last_seen: Instant
    first_number: int
    count: int = 1
    same: bool = False
    strength: float = 1.0


def carried(touchpoint: Touchpoint) -> tuple[Identifier, ...]:
    """Return the identifiers that the touchpoint is evidence for: none when it was refused as evidence."""
    return () if touchpoint.refusal else touchpoint.identifiers


def vouches(touchpoint: Touchpoint) -> bool:
    """Return whether the touchpoint is evidence for its owner."""
    return touchpoint.owner in carried(touchpoint)


def carried_beside(touchpoint: Touchpoint) -> tuple[Identifier, ...]:
    """Return what the touchpoint is evidence for beside its owner."""
    return tuple(each for each in carried(touchpoint) if each != touchpoint.owner)


def first_numbers(touchpoints: Iterable[Touchpoint]) -> dict[Identifier, int]:
    """Return each carried identifier with the lowest inbox number that brought it."""
    found: dict[Identifier, int] = {}
    for touchpoint in touchpoints:
        for identifier in carried(touchpoint):
            number = found.setdefault(identifier, touchpoint.number)
            if touchpoint.number < number:
                found[identifier] = touchpoint.number
    return found


def links(touchpoints: Iterable[Touchpoint]) -> dict[tuple[Identifier, Identifier, int], Evidence]:
    """Return the evidence by (a, b, source) with a < b: every two identifiers of a touchpoint belong together."""
    found: dict[tuple[Identifier, Identifier, int], Evidence] = {}
    for touchpoint in touchpoints:
        identifiers = carried(touchpoint)
        if len(identifiers) < 2:  # noqa: PLR2004 - a link has two ends
            continue
        at, number = touchpoint.at, touchpoint.number
        same = {(a, b) if a < b else (b, a) for a, b in touchpoint.same}
        for a, b in combinations(sorted(identifiers), 2):
            key = (a, b, touchpoint.source)
            evidence = found.get(key)
            if evidence is None:
                evidence = found[key] = Evidence(at, at, number, strength=touchpoint.strength)
            else:
                evidence.first_seen = min(evidence.first_seen, at)
                evidence.last_seen = max(evidence.last_seen, at)
                evidence.first_number = min(evidence.first_number, number)
                evidence.count += 1
                evidence.strength = max(evidence.strength, touchpoint.strength)
            if (a, b) in same:
                evidence.same = True
    return found


def once_evidence(touchpoints: Iterable[Touchpoint]) -> list[Touchpoint]:
    """Return those that are evidence, or were before their source was forgotten, as they were then."""
    return [
        replace(each, refusal="") for each in touchpoints if each.refusal in {"", SOURCE_FORGOTTEN}
    ]


def no_evidence(touchpoints: Iterable[Touchpoint]) -> Sequence[Touchpoint]:
    """Return touchpoints as they stay stored when their source is forgotten: each keeps its owner and links nothing."""
    return [replace(each, refusal=SOURCE_FORGOTTEN) for each in touchpoints]


def without(touchpoint: Touchpoint, identifiers: Collection[Identifier]) -> Touchpoint:
    """Return the touchpoint as if it had come without these identifiers, none of which owns it."""
    return replace(
        touchpoint,
        identifiers=tuple(each for each in touchpoint.identifiers if each not in identifiers),
        same=tuple(
            pair for pair in touchpoint.same if not any(each in identifiers for each in pair)
        ),
    )
