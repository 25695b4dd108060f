"""Who is one person: a pure function of the evidence. No Django, no store, no clock.

The order in which evidence arrived does not matter: links are sorted by what they say, then joined one by one (Kruskal) unless a
limit of the policy would break. A link that is refused stays in the graph and is tried again each time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from identity.clock import Instant
from identity.graph.policy import Kind, Namespace, Policy
from identity.graph.types import Link, Neighbourhood, Node
from identity.touchpoints.types import Identifier

Values = dict[
    str, frozenset[int]
]  # of the namespaces with a limit: the distinct values in one set of nodes

Pair = tuple[int, int]  # positions of two nodes

_NONE: Values = {}
_identifier = attrgetter("identifier")


def _first(profile: Sequence[Node]) -> Identifier:
    return profile[0].identifier


class RefusedLink(NamedTuple):
    """A pair that stays apart. `reason`: "max:user_id" (joining would break that limit) or "hub:email" (that end is a hub)."""

    a: Identifier
    b: Identifier
    reason: str


@dataclass(frozen=True, slots=True)
class Partition:
    """The profiles of one neighbourhood, each a tuple of its nodes in order, and the links that the policy refused."""

    profiles: tuple[tuple[Node, ...], ...]
    refused: tuple[RefusedLink, ...] = ()

    @property
    def contested(self) -> bool:
        """Say whether newer evidence for known links alone could change the profiles."""
        return any(link.reason.startswith("max:") for link in self.refused)


def partition(neighbourhood: Neighbourhood, policy: Policy) -> Partition:
    """Split one neighbourhood (it is connected) into profiles.

    A hub is a profile of its own: its links join nobody. Households are in no neighbourhood.
    """
    nodes = sorted(neighbourhood.nodes, key=_identifier)
    if len(nodes) == 1:
        return Partition((tuple(nodes),))
    names = [node.identifier.namespace for node in nodes]
    table = {name: policy[name] for name in set(names)}
    hubs = any(node.quarantined for node in nodes)
    if not hubs and _within_limits(names, table):
        return Partition((tuple(nodes),))
    limits = sorted((name, rule.max) for name, rule in table.items() if rule.max)
    return _replay(nodes, [table[name] for name in names], neighbourhood.links, limits)


def founder(nodes: Iterable[Node], policy: Policy) -> Identifier:
    """Return the identifier that gives a profile its id.

    The first received of a `max: 1` person namespace, else of a person namespace, else of the rest; ties by priority, then
    name.
    """

    def key(node: Node) -> tuple[int, int, int, Identifier]:
        rule = policy[node.identifier.namespace]
        tier = 2 if rule.kind is not Kind.PERSON else int(rule.max != 1)
        return (tier, node.first_number, rule.priority, node.identifier)

    return min(nodes, key=key).identifier


def _within_limits(names: Sequence[str], table: Mapping[str, Namespace]) -> bool:
    """Say whether all values together break no limit, even if each counts for itself."""
    return all(rule.max is None or names.count(name) <= rule.max for name, rule in table.items())


def _replay(
    nodes: Sequence[Node],
    rules: Sequence[Namespace],
    links: Sequence[Link],
    limits: Sequence[tuple[str, int]],
) -> Partition:
    """Join the links in their order, each unless a limit would break."""
    newest, same, hubs = _evidence(nodes, links)
    values = _values(rules, same)
    home = list(range(len(nodes)))  # node -> its part; the smaller part moves when two join
    parts = [[position] for position in home]
    refused = []
    for a, b in _in_order(newest, rules):
        left, right = home[a], home[b]
        if left == right:
            continue
        if values[left] and values[right]:
            broken = _broken(values[left], values[right], limits)
            if broken:
                refused.append(RefusedLink(nodes[a].identifier, nodes[b].identifier, broken))
                continue
        if len(parts[left]) < len(parts[right]):
            left, right = right, left
        values[left] = _joined(values[left], values[right])
        for moved in parts[right]:
            home[moved] = left
        parts[left] += parts[right]
        parts[right] = []
    refused.extend(_hub(nodes, rules, *pair) for pair in hubs)
    profiles = (tuple(nodes[each] for each in sorted(part)) for part in parts if part)
    return Partition(tuple(sorted(profiles, key=_first)), tuple(refused))


def _evidence(
    nodes: Sequence[Node], links: Sequence[Link]
) -> tuple[dict[Pair, Instant], list[Pair], list[Pair]]:
    """Return when each pair was last seen together, the pairs of alias calls, and the pairs with a hub, in order.

    A pair is two positions in `nodes`; they follow the identifiers, so that pairs sort by (namespace, value).
    """
    at = {node.identifier: position for position, node in enumerate(nodes)}
    hub = [node.quarantined for node in nodes]
    newest: dict[Pair, Instant] = {}
    same, hubs = [], set()
    for link in links:
        a, b, seen = at[link.a], at[link.b], link.last_seen
        pair = a, b
        if hub[a] or hub[b]:
            hubs.add(pair)
        elif newest.setdefault(pair, seen) < seen:
            newest[pair] = seen
        if link.same:
            same.append(pair)
    return newest, same, sorted(hubs)


def _in_order(newest: Mapping[Pair, Instant], rules: Sequence[Namespace]) -> Iterator[Pair]:
    """Yield the pairs in the order of joining."""
    person = [rule.kind is Kind.PERSON for rule in rules]
    priority = [rule.priority for rule in rules]
    people: list[tuple[int, int, Pair]] = []
    others: list[tuple[int, int, Pair]] = []
    for pair, seen in newest.items():
        a, b = pair
        keys = people if person[a] and person[b] else others
        keys.append((-seen, priority[a] + priority[b], pair))
    people.sort()
    others.sort()
    return (pair for *_, pair in chain(people, others))


def _hub(nodes: Sequence[Node], rules: Sequence[Namespace], a: int, b: int) -> RefusedLink:
    hub = rules[a] if nodes[a].quarantined else rules[b]
    return RefusedLink(nodes[a].identifier, nodes[b].identifier, f"hub:{hub.name}")


def _values(rules: Sequence[Namespace], same: Sequence[Pair]) -> list[Values]:
    """Return each node's own value where its namespace has a limit; what alias calls declare to be one has one value."""
    value = list(range(len(rules)))
    for a, b in same:
        old, new = value[a], value[b]
        value = [new if each == old else each for each in value]
    return [
        {rule.name: frozenset((each,))} if rule.max else _NONE
        for rule, each in zip(rules, value, strict=True)
    ]


def _broken(left: Values, right: Values, limits: Sequence[tuple[str, int]]) -> str:
    """Return the first limit, by name, that the two together would break, or ""."""
    for name, limit in limits:
        ours, theirs = left.get(name), right.get(name)
        if ours and theirs and len(ours | theirs) > limit:
            return f"max:{name}"
    return ""


def _joined(left: Values, right: Values) -> Values:
    if not left or not right:
        return left or right
    return left | {name: values | left.get(name, values) for name, values in right.items()}
