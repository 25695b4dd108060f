"""Evidence for tests: the published cases, random graphs, and the road from events to nodes and links."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from hypothesis import strategies as st

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import Partition, partition
from identity.graph.policy import Kind, Namespace, Policy
from identity.graph.types import Decision, Link, Node, Verdict
from identity.touchpoints.types import Identifier, Mode, Touchpoint, touchpoint_id

CASES: list[dict[str, Any]] = yaml.load(
    (Path(__file__).parents[2] / "cases" / "identity.yaml").read_text(), yaml.CSafeLoader
)["cases"]


@dataclass(frozen=True)
class Event:
    """Identifiers seen together at one time."""

    at: int
    identifiers: tuple[Identifier, ...]
    source: int = 1
    same: tuple[tuple[Identifier, Identifier], ...] = ()
    number: int = 0


def policy_of(case: Mapping[str, Any]) -> Policy:
    return Policy(
        namespaces={
            name: Namespace(
                name, Kind(row["kind"]), row["priority"], max=row.get("max"), normaliser="none"
            )
            for name, row in case["policy"].items()
        },
        blocked_values=frozenset(value.strip() for value in case.get("block", ())),
        blocked_patterns=tuple(case.get("block_regex", ())),
    )


def events_of(case: Mapping[str, Any], policy: Policy) -> list[Event]:
    """Return the case's events without junk; those that its deletion takes away are gone."""
    sources: dict[str, int] = {}
    gone = case.get("delete", {})
    found = []
    for row in case["events"]:
        if "source" in row and row["source"] == gone.get("dataset"):
            continue
        identifiers = tuple(
            identifier
            for identifier in map(Identifier.of, row["ids"])
            if not policy.is_blocked(identifier.value) and identifier.key != gone.get("identity")
        )
        source = sources.setdefault(row.get("source", ""), len(sources) + 1)
        found.append(Event(row["t"], identifiers, source))
    return found


def graph(
    events: Iterable[Event], policy: Policy, decisions: Iterable[Decision] = ()
) -> tuple[list[Node], list[Link]]:
    """Add up the evidence: an independent and slower way than any store's. Unlinked pairs make no hub."""
    first: dict[Identifier, int] = {}
    links: dict[tuple[Identifier, Identifier, int], Link] = {}
    for position, event in enumerate(events):
        if policy.refusal(event.identifiers, event.same):
            continue
        number = event.number or position + 1
        distinct = sorted(set(event.identifiers))
        for identifier in distinct:
            first[identifier] = min(first.get(identifier, number), number)
        same = {frozenset(pair) for pair in event.same}
        for i, a in enumerate(distinct):
            for b in distinct[i + 1 :]:
                old = links.get((a, b, event.source))
                links[a, b, event.source] = Link(
                    a,
                    b,
                    event.source,
                    first_seen=min(event.at, old.first_seen) if old else event.at,
                    last_seen=max(event.at, old.last_seen) if old else event.at,
                    count=old.count + 1 if old else 1,
                    same=frozenset((a, b)) in same or bool(old and old.same),
                )
    void = {(each.a, each.b) for each in decisions if each.verdict is Verdict.UNLINK}
    counting = [link for link in links.values() if (link.a, link.b) not in void]
    return _quarantine(first, counting, policy), list(links.values())


def _quarantine(
    first: Mapping[Identifier, int], links: Iterable[Link], policy: Policy
) -> list[Node]:
    around: dict[Identifier, set[Identifier]] = {}
    for link in links:
        for end, other in ((link.a, link.b), (link.b, link.a)):
            if policy[other.namespace].kind is Kind.PERSON:
                around.setdefault(end, set()).add(other)
    return [
        Node(identifier, number, _is_hub(policy[identifier.namespace], around.get(identifier, ())))
        for identifier, number in first.items()
    ]


def _is_hub(rules: Namespace, around: Sequence[Identifier] | set[Identifier]) -> bool:
    return rules.hub is not None and len(around) > rules.hub


def partitions(
    events: Iterable[Event], policy: Policy, decisions: Sequence[Decision] = ()
) -> list[Partition]:
    nodes, links = graph(events, policy, decisions)
    known = {node.identifier for node in nodes}
    telling = [each for each in decisions if {each.a, each.b} <= known]
    found = [partition(each, policy) for each in neighbourhoods(nodes, links, policy, telling)]
    return sorted(
        found, key=lambda each: [node.identifier for part in each.profiles for node in part]
    )


def clusters(found: Iterable[Partition]) -> set[frozenset[str]]:
    return {
        frozenset(node.identifier.key for node in profile)
        for each in found
        for profile in each.profiles
    }


def expected_clusters(case: Mapping[str, Any]) -> set[frozenset[str]]:
    return {frozenset(cluster) for cluster in case["expect"]["clusters"]}


# --- Random graphs --------------------------------------------------------------------------------------------------------

SMALL = Policy(
    namespaces={
        row.name: row
        for row in (
            Namespace("user_id", Kind.PERSON, 1, max=1),
            Namespace("crm_id", Kind.PERSON, 1, max=1),
            Namespace("loyalty_id", Kind.PERSON, 2, max=2),
            Namespace("email", Kind.PERSON, 3, pii=True, hub=3),
            Namespace("device_id", Kind.DEVICE, 7, hub=4),
            Namespace("anonymous_id", Kind.COOKIE, 8),
            Namespace("household_id", Kind.HOUSEHOLD, 99),
        )
    }
)

_identifiers = st.builds(
    Identifier, st.sampled_from(sorted(SMALL.namespaces)), st.sampled_from("abcd")
)


@st.composite
def events(draw: st.DrawFn, *, most: int = 14) -> list[Event]:
    """Draw a stream of events with the numbers under which they were received."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(1, 12),
                st.lists(_identifiers, min_size=1, max_size=4, unique=True),
                st.integers(1, 2),
                st.booleans(),
            ),
            min_size=1,
            max_size=most,
        )
    )
    return [
        Event(at, tuple(identifiers), source, _alias(identifiers) if alias else (), number)
        for number, (at, identifiers, source, alias) in enumerate(rows, start=1)
    ]


@st.composite
def decisions(draw: st.DrawFn, *, most: int = 5) -> list[Decision]:
    """Draw what people decided, the last the newest; of one verdict about one pair the newest alone."""
    one = _identifiers.filter(lambda each: not SMALL.is_household(each))
    pairs = st.lists(one, min_size=2, max_size=2, unique=True).map(sorted)
    rows = draw(st.lists(st.tuples(pairs, st.sampled_from(Verdict)), max_size=most))
    made = [
        Decision(a, b, verdict, number, at=number)
        for number, ((a, b), verdict) in enumerate(rows, start=1)
    ]
    return list({(each.a, each.b, each.verdict): each for each in made}.values())


def standing(decisions: Iterable[Decision]) -> dict[tuple[Identifier, Identifier], list[Decision]]:
    """Return decisions by pair, as a store takes them."""
    found: dict[tuple[Identifier, Identifier], list[Decision]] = {}
    for each in decisions:
        found.setdefault((each.a, each.b), []).append(each)
    return found


def _alias(identifiers: Sequence[Identifier]) -> tuple[tuple[Identifier, Identifier], ...]:
    """Return what an alias call makes of two logins, and a merge call of whatever it lists."""
    users = [each for each in identifiers if each.namespace == "user_id"]
    first, *others = users if len(users) > 1 else identifiers
    return tuple((first, other) for other in others)


def renamed(events: Iterable[Event]) -> set[Identifier]:
    """Return the identifiers that an alias call declares to be another of their namespace."""
    pairs = (pair for event in events for pair in event.same)
    return {each for a, b in pairs if a.namespace == b.namespace for each in (a, b)}


def renumbered(events: Iterable[Event]) -> list[Event]:
    return [replace(event, number=number) for number, event in enumerate(events, start=1)]


# --- Touchpoints ----------------------------------------------------------------------------------------------------------


def touchpoint(event: Event, policy: Policy, **more: Any) -> Touchpoint:
    """Return the touchpoint that the collector would make of the event."""
    refusal = policy.refusal(event.identifiers, event.same)
    fields = {
        "number": event.number,
        "id": touchpoint_id(UUID(int=event.source), f"m{event.number}"),
        "source": event.source,
        "mode": Mode.LIVE,
        "type": "track",
        "event": "seen",
        "at": event.at,
        "received_at": 1_000 + event.number,
        "identifiers": policy.strongest_first(event.identifiers),
        "owner": None if refusal else policy.owner(event.identifiers),
        "same": event.same,
        "refusal": refusal,
    }
    made = Touchpoint(**{**fields, **more})
    if "same" in more:
        again = policy.refusal(made.identifiers, made.same)
        return replace(
            made, refusal=again, owner=None if again else policy.owner(made.identifiers)
        )
    return made


def touchpoints(events: Iterable[Event], policy: Policy) -> list[Touchpoint]:
    return [touchpoint(event, policy) for event in events]
