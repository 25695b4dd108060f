"""Who is one person: a pure function of the evidence. No Django, no store, no clock.

The order in which evidence arrived does not matter: links are sorted by what they say, then joined one by one (Kruskal) unless a
limit of the policy would break. What a model guessed comes after all that was seen, the surest guess first. A link that is refused stays in the graph and is tried again each time.

What people decided comes before all evidence, the newest first; see docs/decisions/0012-what-people-decide.md.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from identity.clock import Instant
from identity.graph.parts import Pair, Parts, values
from identity.graph.policy import Kind, Namespace, Policy
from identity.graph.types import Decision, Link, Neighbourhood, Node, Verdict
from identity.touchpoints.types import Identifier

_Ordered = tuple[float, int, int, int, int]  # what says when a pair's turn comes, then the pair

_PERSON = Kind.PERSON  # looked up once: an enumeration is slow to ask
_identifier = attrgetter("identifier")
_number = attrgetter("number")


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


class Partition(NamedTuple):
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
    hubs = True in [node.quarantined for node in nodes]
    if not (hubs or neighbourhood.decisions) and _within_limits(names, table):
        return Partition((tuple(nodes),))
    return _replay(nodes, names, table, neighbourhood)


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
    names: Sequence[str],
    table: Mapping[str, Namespace],
    neighbourhood: Neighbourhood,
) -> Partition:
    """Join what was decided to be one, then the links in their order, each unless something speaks against it."""
    rules = [table[name] for name in names]
    at = {node.identifier: position for position, node in enumerate(nodes)}
    hub = [node.quarantined for node in nodes]
    decisions = sorted(neighbourhood.decisions, key=_number, reverse=True)
    pairs = [(at[each.a], at[each.b]) for each in decisions]
    void = _void(pairs, decisions) if decisions else frozenset()
    newest, same, turned_down = _evidence(neighbourhood.links, at, hub, void)
    guessed = _guessed(neighbourhood.links, at, newest)
    if decisions:
        same += _declared(rules, pairs, decisions)
    limits = sorted([(rule.name, rule.max) for rule in table.values() if rule.max])
    parts = Parts(values(rules, same), limits)
    overruled = _overruled(parts, rules, hub, pairs, decisions) if decisions else ()
    refused = _join(parts, chain(_in_order(newest, rules), _surest_first(guessed, rules)))
    refused += [(a, b, _hub(rules, hub, a, b) or Verdict.UNLINK) for a, b in turned_down]
    return Partition(
        _profiles(nodes, parts.home),
        tuple(
            [
                RefusedLink(nodes[a].identifier, nodes[b].identifier, reason)
                for a, b, reason in refused
            ]
        ),
        overruled,
    )


def _join(parts: Parts, ordered: Iterable[_Ordered]) -> list[tuple[int, int, str]]:
    """Join one pair after the other; return those that something speaks against, and what."""
    refused = []
    home, join = parts.home, parts.join
    for _, _, _, a, b in ordered:
        left, right = home[a], home[b]
        if left != right and (broken := join(left, right)):
            refused.append((a, b, broken))
    return refused


def _profiles(nodes: Sequence[Node], home: Sequence[int]) -> tuple[tuple[Node, ...], ...]:
    """Return the nodes of each part, in order; the parts in the order of their first nodes."""
    profiles: dict[int, list[Node]] = {}
    for part, node in zip(home, nodes, strict=True):
        profiles.setdefault(part, []).append(node)
    return tuple(map(tuple, profiles.values()))


def _void(pairs: Iterable[Pair], decisions: Iterable[Decision]) -> frozenset[Pair]:
    """Return the pairs whose evidence is void."""
    decided = zip(pairs, decisions, strict=True)
    return frozenset(pair for pair, each in decided if each.verdict is Verdict.UNLINK)


def _declared(
    rules: Sequence[Namespace], pairs: Sequence[Pair], decisions: Sequence[Decision]
) -> Iterator[Pair]:
    """Yield the pairs of one namespace that were decided to be one person: two values that count once, as after an alias call.

    Not those that a newer decision takes apart: what does not hold would make others one along with them.
    """
    parted = set()
    for pair, decision in zip(pairs, decisions, strict=True):
        if decision.verdict is not Verdict.ALWAYS:
            parted.add(pair)
        elif pair not in parted and rules[pair[0]] is rules[pair[1]]:
            yield pair


def _overruled(
    parts: Parts,
    rules: Sequence[Namespace],
    hub: Sequence[bool],
    pairs: Sequence[Pair],
    decisions: Sequence[Decision],
) -> tuple[Overruled, ...]:
    """Carry out what was decided; return what does not hold."""
    reasons = _decide(parts, rules, hub, pairs, decisions)
    decided = zip(decisions, reasons, strict=True)
    return tuple(Overruled(each, reason) for each, reason in decided if reason)


def _decide(
    parts: Parts,
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
    same = []
    for link in links:
        pair, seen = (at[link.a], at[link.b]), link.last_seen
        if newest.setdefault(pair, seen) < seen:
            newest[pair] = seen
        if link.same and pair not in void:
            same.append(pair)
    if not void and True not in hub:
        return newest, same, []
    turned_down = sorted(pair for pair in newest if hub[pair[0]] or hub[pair[1]] or pair in void)
    for pair in turned_down:
        del newest[pair]
    return newest, same, turned_down


def _in_order(newest: Mapping[Pair, Instant], rules: Sequence[Namespace]) -> list[_Ordered]:
    """Return the pairs in the order of joining: two persons first, then the newest, then the strongest, then by name."""
    other = [rule.kind is not _PERSON for rule in rules]
    priority = [rule.priority for rule in rules]
    return sorted(
        [
            (other[a] or other[b], -seen, priority[a] + priority[b], a, b)
            for (a, b), seen in newest.items()
        ]
    )


def _guessed(
    links: Sequence[Link], at: Mapping[Identifier, int], newest: dict[Pair, Instant]
) -> dict[Pair, tuple[float, Instant]]:
    """Take the pairs that nobody saw together, and models alone hold for one, out of `newest`; return how sure they are, and since when.

    A pair that was seen too counts as of when it was seen: a guess about it says nothing new.
    """
    if min([link.strength for link in links], default=1.0) >= 1:
        return {}
    surest: dict[Pair, float] = {}
    seen: dict[Pair, Instant] = {}
    for link in links:
        pair = at[link.a], at[link.b]
        surest[pair] = max(surest.get(pair, 0.0), link.strength)
        if link.strength >= 1:
            seen[pair] = max(seen.get(pair, link.last_seen), link.last_seen)
    newest.update({pair: last for pair, last in seen.items() if pair in newest})
    return {
        pair: (strength, newest.pop(pair))
        for pair, strength in surest.items()
        if strength < 1 and pair in newest
    }


def _surest_first(
    guessed: Mapping[Pair, tuple[float, Instant]], rules: Sequence[Namespace]
) -> list[_Ordered]:
    """Return the pairs in the order of joining: the surest first, then as what was seen."""
    priority = [rule.priority for rule in rules]
    return sorted(
        [
            (-strength, -seen, priority[a] + priority[b], a, b)
            for (a, b), (strength, seen) in guessed.items()
        ]
    )


def _hub(rules: Sequence[Namespace], hub: Sequence[bool], a: int, b: int) -> str:
    """Return the reason why a pair with a hub stays apart, "" when neither is one."""
    if not (hub[a] or hub[b]):
        return ""
    return f"hub:{rules[a if hub[a] else b].name}"
