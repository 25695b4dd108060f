"""Who is one person: a pure function of the evidence. No Django, no store, no clock.

The order in which evidence arrived does not matter: links are sorted by what they say, then joined one by one (Kruskal) unless a
limit of the policy would break. A link that is refused stays in the graph and is tried again each time.

What people decided comes before all evidence, the newest first; see docs/decisions/0012-what-people-decide.md.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from identity.clock import Instant
from identity.graph.policy import Kind, Namespace, Policy
from identity.graph.types import Decision, Link, Neighbourhood, Node, Verdict
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
    """A pair that stays apart.

    `reason`: "max:user_id" (joining would break that limit), "hub:email" (that end is a hub), "unlink" (its evidence is void) or
    "never_link" (joining would bring two together that must not be).
    """

    a: Identifier
    b: Identifier
    reason: str


class Overruled(NamedTuple):
    """A decision that does not hold. `reason`: as of a RefusedLink, or "always_link"; a newer decision says so, or the policy."""

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class Partition:
    """The profiles of one neighbourhood, each a tuple of its nodes in order, and the links that were refused."""

    profiles: tuple[tuple[Node, ...], ...]
    refused: tuple[RefusedLink, ...] = ()
    overruled: tuple[Overruled, ...] = ()

    @property
    def contested(self) -> bool:
        """Say whether newer evidence for known links alone could change the profiles."""
        reasons = [
            *(each.reason for each in self.refused),
            *(each.reason for each in self.overruled),
        ]
        return any(each == Verdict.NEVER or each.startswith("max:") for each in reasons)


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
    if not (hubs or neighbourhood.decisions) and _within_limits(names, table):
        return Partition((tuple(nodes),))
    return _replay(nodes, [table[name] for name in names], neighbourhood)


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


class _Parts:
    """Nodes, by position, in parts that join one by one. `apart`: which nodes a decision keeps out of a part."""

    def __init__(self, rules: Sequence[Namespace], same: Sequence[Pair]) -> None:
        self.home = list(
            range(len(rules))
        )  # node -> its part; the smaller part moves when two join
        self.parts = [[position] for position in self.home]
        self._values = _values(rules, same)
        self._limits = sorted({(rule.name, rule.max) for rule in rules if rule.max})
        self._apart: dict[int, set[int]] = {}

    def keep_apart(self, a: int, b: int) -> bool:
        """Let the two never come together; False when they are."""
        left, right = self.home[a], self.home[b]
        if left == right:
            return False
        self._apart.setdefault(left, set()).add(b)
        self._apart.setdefault(right, set()).add(a)
        return True

    def join(self, left: int, right: int) -> str:
        """Make two parts one, unless something speaks against it: then return what."""
        home, values = self.home, self._values
        if self._apart and any(home[each] == right for each in self._apart.get(left, ())):
            return Verdict.NEVER
        if values[left] and values[right]:
            broken = _broken(values[left], values[right], self._limits)
            if broken:
                return broken
        if len(self.parts[left]) < len(self.parts[right]):
            left, right = right, left
        values[left] = _joined(values[left], values[right])
        for moved in self.parts[right]:
            home[moved] = left
        self.parts[left] += self.parts[right]
        self.parts[right] = []
        if right in self._apart:
            self._apart[left] = self._apart.pop(right) | self._apart.get(left, set())
        return ""


def _replay(
    nodes: Sequence[Node], rules: Sequence[Namespace], neighbourhood: Neighbourhood
) -> Partition:
    """Join what was decided to be one, then the links in their order, each unless something speaks against it."""
    at = {node.identifier: position for position, node in enumerate(nodes)}
    hub = [node.quarantined for node in nodes]
    decisions = sorted(neighbourhood.decisions, key=lambda each: each.number, reverse=True)
    pairs = [(at[each.a], at[each.b]) for each in decisions]
    void = {
        pair for pair, each in zip(pairs, decisions, strict=True) if each.verdict is Verdict.UNLINK
    }
    newest, same, refused = _evidence(neighbourhood.links, at, hub, void)
    parts = _Parts(rules, [*same, *_declared(rules, pairs, decisions)])
    overruled = [
        Overruled(each, reason)
        for each, reason in zip(
            decisions, _decide(parts, rules, hub, pairs, decisions), strict=True
        )
        if reason
    ]
    turned_down = [(pair, _hub(rules, hub, *pair) or Verdict.UNLINK) for pair in refused]
    home, join = parts.home, parts.join
    kept_out = []
    for pair in _in_order(newest, rules):
        left, right = home[pair[0]], home[pair[1]]
        if left != right and (broken := join(left, right)):
            kept_out.append((pair, broken))
    profiles = (tuple(nodes[each] for each in sorted(part)) for part in parts.parts if part)
    return Partition(
        tuple(sorted(profiles, key=_first)),
        tuple(
            RefusedLink(nodes[a].identifier, nodes[b].identifier, reason)
            for (a, b), reason in (*kept_out, *turned_down)
        ),
        tuple(overruled),
    )


def _declared(
    rules: Sequence[Namespace], pairs: Sequence[Pair], decisions: Sequence[Decision]
) -> Iterator[Pair]:
    """Yield the pairs of one namespace that were decided to be one person: two values that count once, as after an alias call."""
    unlinked = set()
    for pair, decision in zip(pairs, decisions, strict=True):
        if decision.verdict is Verdict.UNLINK:
            unlinked.add(pair)
        elif (
            decision.verdict is Verdict.ALWAYS
            and pair not in unlinked
            and rules[pair[0]] is rules[pair[1]]
        ):
            yield pair


def _decide(
    parts: _Parts,
    rules: Sequence[Namespace],
    hub: Sequence[bool],
    pairs: Sequence[Pair],
    decisions: Sequence[Decision],
) -> Iterator[str]:
    """Carry out what was decided, the newest first; yield of each decision why it does not hold, or ""."""
    unlinked = set()
    for pair, decision in zip(pairs, decisions, strict=True):
        a, b = pair
        if decision.verdict is Verdict.UNLINK:
            unlinked.add(pair)
            yield ""
        elif decision.verdict is Verdict.NEVER:
            yield "" if parts.keep_apart(a, b) else Verdict.ALWAYS
        elif pair in unlinked:
            yield Verdict.UNLINK
        elif hub[a] or hub[b]:
            yield _hub(rules, hub, a, b)
        else:
            left, right = parts.home[a], parts.home[b]
            yield parts.join(left, right) if left != right else ""


def _evidence(
    links: Sequence[Link],
    at: Mapping[Identifier, int],
    hub: Sequence[bool],
    void: Collection[Pair],
) -> tuple[dict[Pair, Instant], list[Pair], list[Pair]]:
    """Return when each pair was last seen together, the pairs of alias calls, and those void or with a hub, in order.

    A pair is two positions in `nodes`; they follow the identifiers, so that pairs sort by (namespace, value).
    """
    newest: dict[Pair, Instant] = {}
    same, refused = [], set()
    for link in links:
        a, b, seen = at[link.a], at[link.b], link.last_seen
        pair = a, b
        if hub[a] or hub[b] or pair in void:
            refused.add(pair)
        elif newest.setdefault(pair, seen) < seen:
            newest[pair] = seen
        if link.same and pair not in void:
            same.append(pair)
    return newest, same, sorted(refused)


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


def _hub(rules: Sequence[Namespace], hub: Sequence[bool], a: int, b: int) -> str:
    """Return the reason why a pair with a hub stays apart, "" when neither is one."""
    if not (hub[a] or hub[b]):
        return ""
    return f"hub:{rules[a if hub[a] else b].name}"


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
