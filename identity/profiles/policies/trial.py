"""What another policy would change: the whole graph is walked once, each neighbourhood divided under both. Nothing is written.

Hubs under both policies are left out: they belong to nobody before and after. Memory is bounded by the largest neighbourhood.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from identity.graph import documents
from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import founder, partition
from identity.graph.policy import Policy
from identity.graph.port import GraphStore
from identity.graph.types import Neighbourhood, Node
from identity.privacy.masking import masked
from identity.touchpoints.types import Identifier

EXAMPLES = 20
SHOWN = 12  # identifiers of one profile in an example
_HUBS = 1_000  # read at once
BLOCK = 2_000  # identifiers looked at in one step

Homes = Mapping[Identifier, Identifier]  # identifier -> founder of its profile


@dataclass(slots=True)
class Trial:
    """What was found so far; numbers of profiles unless said.

    Who is together counts, not the id. `merged`: would go up in others. `split`: would end in several. `renamed`: would stay as they
    are and get another id, since another identifier founds them. `largest_*`: identifiers. `moved`: identifiers that would change
    their profile, the renamed ones apart. `examples`: {"before": profiles, "after": profiles}, each profile a list of masked keys.
    `memberships` and `enrolments` of those that would move.
    """

    identifiers: int = 0
    profiles_before: int = 0
    profiles_after: int = 0
    merged: int = 0
    split: int = 0
    renamed: int = 0
    moved: int = 0
    largest_before: int = 0
    largest_after: int = 0
    hubs_made: int = 0
    hubs_released: int = 0
    memberships: int = 0
    enrolments: int = 0
    examples: list[dict[str, list[list[str]]]] = field(default_factory=list)


class Between(NamedTuple):
    """The two policies of a dry run, and the hubs that would be none under the new one."""

    old: Policy
    new: Policy
    released: frozenset[Identifier]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk: what it looked at, who would move, and where it goes on; None when that was all."""

    moved: Sequence[Identifier]
    after: str | None


def read(document: Any, old: Policy) -> Policy:
    """Return the policy to be tried instead of `old`. Raises BadPolicy."""
    new = documents.read(document, version=0)
    documents.require_successor(old, new)
    return new


def released(graph: GraphStore, new: Policy) -> set[Identifier]:
    """Return the hubs that would be none under the new policy."""
    found, after = set(), ""
    while hubs := graph.hubs(after=after, limit=_HUBS):
        found |= {hub.identifier for hub in hubs if not new.is_hub(hub.identifier, hub.degree)}
        after = hubs[-1].identifier.key
    return found


def between(graph: GraphStore, old: Policy, new: Policy) -> Between:
    """Return what every step needs; it reads the whole list of hubs."""
    return Between(old, new, frozenset(released(graph, new)))


def step(graph: GraphStore, between: Between, trial: Trial, *, after: str, size: int) -> Step:
    """Look at the neighbourhoods behind `after` and add what would change to the trial."""
    block = graph.block(after=after, size=size, released=between.released)
    if block is None:
        return Step((), None)
    moved: list[Identifier] = []
    for neighbourhood in block.neighbourhoods:
        moved += _compare(neighbourhood, between, trial)
    return Step(moved, block.after)


def _compare(neighbourhood: Neighbourhood, between: Between, trial: Trial) -> list[Identifier]:
    old, new, free = between
    nodes = [
        (
            replace(node, quarantined=node.quarantined or node.identifier in free),
            replace(node, quarantined=new.is_hub(node.identifier, node.degree)),
        )
        for node in neighbourhood.nodes
    ]
    counted = {
        before.identifier
        for before, after in nodes
        if not (before.quarantined and after.quarantined)
    }
    trial.identifiers += len(counted)
    trial.hubs_made += sum(after.quarantined > before.quarantined for before, after in nodes)
    trial.hubs_released += sum(before.quarantined > after.quarantined for before, after in nodes)
    before = _homes([one for one, _ in nodes], neighbourhood, old, counted)
    after = _homes([one for _, one in nodes], neighbourhood, new, counted)
    return _add(before, after, trial)


def _homes(
    nodes: Sequence[Node],
    neighbourhood: Neighbourhood,
    policy: Policy,
    counted: Collection[Identifier],
) -> dict[Identifier, Identifier]:
    homes: dict[Identifier, Identifier] = {}
    for part in neighbourhoods(nodes, neighbourhood.links, policy, neighbourhood.decisions):
        for profile in partition(part, policy).profiles:
            first = founder(profile, policy)
            homes.update((node.identifier, first) for node in profile)
    return {each: home for each, home in homes.items() if each in counted}


def _add(before: Homes, after: Homes, trial: Trial) -> list[Identifier]:
    profiles, later = _profiles(before), _profiles(after)
    trial.profiles_before += len(profiles)
    trial.profiles_after += len(later)
    trial.largest_before = max(trial.largest_before, *map(len, profiles.values()), 0)
    trial.largest_after = max(trial.largest_after, *map(len, later.values()), 0)
    if before == after:
        return []
    # A profile of the one side and one of the other that have an identifier in common.
    shared = {(before[each], after[each]) for each in before}
    trial.merged += len(shared) - len(later)
    trial.split += sum(times > 1 for times in Counter(home for home, _ in shared).values())
    renamed = {home for home, other in shared if home != other and profiles[home] == later[other]}
    trial.renamed += len(renamed)
    moved = sorted(
        each for each, home in before.items() if home != after[each] and home not in renamed
    )
    trial.moved += len(moved)
    if moved and len(trial.examples) < EXAMPLES:
        trial.examples.append(_example(moved[0], before, after))
    return moved


def _profiles(homes: Homes) -> dict[Identifier, list[Identifier]]:
    found: dict[Identifier, list[Identifier]] = {}
    for identifier, home in sorted(homes.items()):
        found.setdefault(home, []).append(identifier)
    return found


def _example(moved: Identifier, before: Homes, after: Homes) -> dict[str, list[list[str]]]:
    """Return the profiles that the move of this identifier is about, before and after."""
    around = {
        each for each in before if before[each] == before[moved] or after[each] == after[moved]
    }
    return {"before": _shown(around, before), "after": _shown(around, after)}


def _shown(identifiers: Iterable[Identifier], homes: Homes) -> list[list[str]]:
    chosen = {each: homes[each] for each in identifiers}
    return [
        [masked(each.key) for each in members[:SHOWN]]
        + ([f"… {len(members) - SHOWN}"] if len(members) > SHOWN else [])
        for members in _profiles(chosen).values()
    ]
