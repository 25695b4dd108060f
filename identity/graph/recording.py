"""What a batch changes of identifiers and links, worked out before a store writes it. No Django, no store.

A store reads what it knows (`Known`, the links of each pair), lets `advance` bring it up to date, writes the difference, and asks
`changed` whose neighbourhoods that may have moved. One writer at a time, so what was read stays true until it is written.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from identity.graph.evidence import Evidence, Pair, first_numbers
from identity.graph.policy import Kind, Policy
from identity.graph.types import RESERVED, VOID, Decision, Verdict
from identity.touchpoints.types import Identifier, Touchpoint

LinkKey = tuple[Identifier, Identifier, int]
# Pairs, and all that stands of what people decided about each.
Standing = Mapping[Pair, Collection[Decision]]


@dataclass(slots=True)
class Known:
    """What a store knows of an identifier; `row` is its own (0 until it is written).

    `first_number` is None when no touchpoint vouches for it; `turned`: under which number it became a hub, or none again.
    """

    row: int = 0
    first_number: int | None = None
    degree: int = 0
    quarantined: bool = False
    turned: int | None = None
    forgotten: bool = False


def advance(
    fresh: Sequence[Touchpoint],
    brought: Mapping[LinkKey, Evidence],
    before: Iterable[LinkKey],
    known: dict[Identifier, Known],
    policy: Policy,
) -> set[Identifier]:
    """Add new identifiers, lower first numbers, raise degrees, turn hubs in `known`; return what has to be written."""
    moved = set()
    for identifier, number in first_numbers(fresh).items():
        row = known.setdefault(identifier, Known())
        if row.forgotten:
            continue
        if row.first_number is None or number < row.first_number:
            row.first_number = number
            moved.add(identifier)
    forgotten = {each for each, row in known.items() if row.forgotten}
    speaking = {key: each for key, each in brought.items() if forgotten.isdisjoint(key[:2])}
    for end, others in new_neighbours(speaking, before, policy).items():
        row, limit = known[end], policy[end.namespace].hub
        if limit is not None and not row.quarantined and row.degree + len(others) > limit:
            row.quarantined = True
            row.turned = sorted(others.values())[max(0, limit - row.degree)]
        row.degree += len(others)
        moved.add(end)
    return moved


def turns(identifier: Identifier, degree: int, quarantined: bool, policy: Policy) -> bool:  # noqa: FBT001
    """Tell whether a node with this degree is stored as a hub and is none, or the other way round."""
    return policy.is_hub(identifier, degree) != bool(quarantined)


def under(policy: Policy) -> int:
    """Return what stands in the place of a number where no touchpoint turned a node, but a policy."""
    return -policy.version


def new_neighbours(
    brought: Mapping[LinkKey, Evidence], before: Iterable[LinkKey], policy: Policy
) -> dict[Identifier, dict[Identifier, int]]:
    """Return, for each end of a pair that no source had linked, the new person identifiers around it, with their numbers.

    A pair that people unlinked is among `before`: whatever is brought, neither end counts the other.
    """
    old = {(a, b) for a, b, _ in before}
    found: dict[Identifier, dict[Identifier, int]] = {}
    for (a, b, _), evidence in brought.items():
        if (a, b) in old:
            continue
        for end, other in ((a, b), (b, a)):
            if policy[other.namespace].kind is Kind.PERSON:
                around, number = found.setdefault(end, {}), evidence.first_number
                around[other] = min(number, around.get(other, number))  # by another source too
    return found


def changed(
    numbers: Collection[int],
    known: Mapping[Identifier, Known],
    before: Mapping[LinkKey, int],
    brought: Mapping[LinkKey, Evidence],
    policy: Policy,
) -> tuple[set[Identifier], set[Identifier]]:
    """Return what is new, got a new link or turned under one of these numbers; and of these, what turned.

    What turned changes the neighbourhoods of everything linked with it. It is read from what is stored, not from what this call
    inserted, so that a retry finds the same.
    """
    found = {each for each, row in known.items() if row.first_number in numbers}
    first = dict(before)
    for key, evidence in brought.items():
        first[key] = min(evidence.first_number, first.get(key, evidence.first_number))
    for (a, b, source), number in first.items():
        if source == VOID:  # its number is of the log of decisions
            continue
        if number in numbers and not (policy.is_household(a) or policy.is_household(b)):
            found |= {a, b}
    turned = {each for each, row in known.items() if row.turned in numbers}
    return found | turned, turned


def decided(
    standing: Standing,
) -> list[tuple[Identifier, Identifier, tuple[int, int, int, int, bool, float, bool, int]]]:
    """Return decisions as rows among the links: the ends, and the values of StoredLink behind them. The log's number is the first number.

    Only what joins conducts.
    """
    return [
        (
            each.a,
            each.b,
            (
                RESERVED[each.verdict],
                each.at,
                each.at,
                0,
                False,
                1.0,
                each.verdict is Verdict.ALWAYS,
                each.number,
            ),
        )
        for decisions in standing.values()
        for each in decisions
    ]
