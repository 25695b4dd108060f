"""The partition: published cases in every order, and what must hold for any evidence."""

from collections import Counter
from dataclasses import replace
from itertools import islice, permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import founder, partition
from identity.graph.policy import DEFAULT, Kind, Namespace, Policy
from identity.graph.types import Link, Neighbourhood, Node
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import (
    CASES,
    SMALL,
    Event,
    clusters,
    events,
    events_of,
    expected_clusters,
    graph,
    partitions,
    policy_of,
    renumbered,
)
from tests.soaking import examples


def orders(length: int):
    """Every order of up to five events, else fifty random ones."""
    if length <= 5:
        return list(permutations(range(length)))
    random = Random(length)
    return [random.sample(range(length), length) for _ in range(50)]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_published_case_in_every_order(case):
    policy = policy_of(case)
    happened = events_of(case, policy)
    for order in orders(len(happened)):
        found = partitions([happened[position] for position in order], policy)
        assert clusters(found) == expected_clusters(case)
        refused = {frozenset((link.a.key, link.b.key)) for each in found for link in each.refused}
        assert refused >= {frozenset(pair) for pair in case["expect"].get("removed", ())}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_events_refused_whole(case):
    policy = policy_of(case)
    refused = [event.at for event in events_of(case, policy) if policy.refusal(event.identifiers)]
    assert refused == case["expect"].get("rejected", [])


long = settings(max_examples=examples(200, soak=20_000))

# --- Properties ---------------------------------------------------------------------------------------------------------


@long
@given(events(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(stream, random):
    shuffled = list(stream)
    random.shuffle(shuffled)
    assert partitions(stream, SMALL) == partitions(shuffled, SMALL)


@long
@given(events(most=30))
def test_no_profile_breaks_a_limit(stream):
    groups = alias_groups(stream)
    for each in partitions(stream, SMALL):
        for profile in each.profiles:
            values = {
                (node.identifier.namespace, groups.get(node.identifier, node.identifier))
                for node in profile
            }
            for name, count in Counter(name for name, _ in values).items():
                limit = SMALL[name].max
                assert limit is None or count <= limit


def alias_groups(stream: list[Event]) -> dict[Identifier, Identifier]:
    groups: dict[Identifier, Identifier] = {}
    for event in stream:
        if SMALL.refusal(event.identifiers, event.same):
            continue
        for a, b in event.same:
            if a.namespace != b.namespace:
                continue
            old, new = groups.get(a, a), groups.get(b, b)
            groups |= {a: new, b: new}
            groups = {each: new if one == old else one for each, one in groups.items()}
    return groups


@long
@given(events(), events(most=4))
def test_new_evidence_touches_its_own_neighbourhood_only(stream, more):
    before = clusters(partitions(stream, SMALL))
    after = clusters(partitions(renumbered([*stream, *more]), SMALL))
    nodes, links = graph(renumbered([*stream, *more]), SMALL)
    touched = {
        node.identifier.key
        for each in neighbourhoods(nodes, links, SMALL)
        if any(
            node.identifier in event.identifiers
            for event in more
            for node in each.nodes
            if not SMALL.is_household(node.identifier)
        )
        for node in each.nodes
    }
    # A new hub cuts its old neighbourhood in pieces, so what it touched before counts too.
    nodes, links = graph(stream, SMALL)
    hubs = {each.key for event in more for each in event.identifiers}
    for each in neighbourhoods(nodes, links, SMALL):
        keys = {node.identifier.key for node in each.nodes}
        if keys & hubs:
            touched |= keys
    assert {cluster for cluster in before if not cluster & touched} <= after


@long
@given(events(most=30))
def test_every_identifier_is_in_one_profile_and_hubs_stand_alone(stream):
    found = partitions(stream, SMALL)
    members = [profile for each in found for profile in each.profiles]
    hubs = {node.identifier for profile in members for node in profile if node.quarantined}
    once = Counter(
        node.identifier for profile in members for node in profile if node.identifier not in hubs
    )
    assert set(once.values()) <= {1}
    assert all(len(profile) == 1 for profile in members for node in profile if node.quarantined)
    nodes, _ = graph(stream, SMALL)
    assert set(once) | hubs == {node.identifier for node in nodes}


@long
@given(events(most=30))
def test_a_neighbourhood_within_all_limits_is_one_profile(stream):
    for each in partitions(stream, SMALL):
        if not each.refused:
            households = [p for p in each.profiles if SMALL.is_household(p[0].identifier)]
            assert len(each.profiles) - len(households) <= 1


@long
@given(events(most=30))
def test_a_refused_link_joins_two_profiles_or_none(stream):
    for each in partitions(stream, SMALL):
        home = {
            node.identifier: position
            for position, profile in enumerate(each.profiles)
            for node in profile
        }
        for link in each.refused:
            kind, _, namespace = link.reason.partition(":")
            if kind == "hub":
                assert home[link.a] != home[link.b]
                assert namespace in {link.a.namespace, link.b.namespace}
            else:
                assert SMALL[namespace].max is not None


# --- Single rules -------------------------------------------------------------------------------------------------------


def ids(*keys: str) -> tuple[Identifier, ...]:
    return tuple(map(Identifier.of, keys))


def test_an_alias_counts_once():
    one, two, cookie = ids("user_id:1", "user_id:2", "anonymous_id:a")
    stream = [
        Event(1, (one, cookie)),
        Event(2, (two, cookie)),
        Event(3, (one, two), same=((one, two),)),
    ]
    assert clusters(partitions(stream, DEFAULT)) == {frozenset({one.key, two.key, cookie.key})}
    assert len(clusters(partitions(stream[:2], DEFAULT))) == 2


@pytest.mark.parametrize("shared", ["anonymous_id:a", "email:a"])
def test_an_alias_of_two_namespaces_makes_no_two_logins_one(shared):
    one, two, other = ids("user_id:1", "user_id:2", shared)
    stream = [Event(1, (one, other), same=((other, one),))]
    stream += [Event(2, (two, other), same=((other, two),))]
    found = partitions(stream, DEFAULT)
    assert clusters(found) == {frozenset({one.key}), frozenset({two.key, other.key})}
    assert [link.reason for each in found for link in each.refused] == ["max:user_id"]


@pytest.mark.parametrize("star", [False, True])
def test_aliases_without_end_are_one_person(star):
    """Anybody may send them: what one more costs must not grow with how many there are."""
    names = [Identifier("user_id", f"{number:06}") for number in range(100_000)]
    nodes = tuple(Node(each, number) for number, each in enumerate(names))
    pairs = (((names[0] if star else names[n - 1]), names[n]) for n in range(1, len(names)))
    links = tuple(Link(a, b, 1, n, n, 1, same=True) for n, (a, b) in enumerate(pairs))
    found = partition(Neighbourhood(nodes, links), DEFAULT)
    assert found.profiles == (nodes,)
    assert not found.refused


def test_a_household_does_not_conduct():
    alice, bob, home = ids("user_id:alice", "user_id:bob", "household_id:7")
    found = partitions([Event(1, (alice, home)), Event(2, (bob, home))], DEFAULT)
    assert clusters(found) == {frozenset({each.key}) for each in (alice, bob, home)}
    assert not any(each.refused for each in found)


def test_a_hub_keeps_its_links_and_joins_nobody():
    shared = Identifier("email", "shared")
    people = [Identifier("loyalty_id", str(n)) for n in range(11)]
    stream = [Event(n, (person, shared)) for n, person in enumerate(people)]
    few = partitions(stream[:3], DEFAULT)
    assert clusters(few) == {frozenset({shared.key, *(person.key for person in people[:3])})}
    found = partitions(stream, DEFAULT)
    assert clusters(found) == {frozenset({each.key}) for each in [shared, *people]}
    assert {link.reason for each in found for link in each.refused} == {"hub:email"}


def test_only_a_limit_makes_a_neighbourhood_contested():
    shared, alice, bob = ids("anonymous_id:a", "user_id:alice", "user_id:bob")
    limit = partitions([Event(1, (alice, shared)), Event(2, (bob, shared))], DEFAULT)
    assert [each.contested for each in limit] == [True]
    people = [Identifier("phone", str(n)) for n in range(11)]
    hub = partitions([Event(1, (Identifier("email", "x"), person)) for person in people], DEFAULT)
    assert not any(each.contested for each in hub)


def node(key: str, number: int) -> Node:
    return Node(Identifier.of(key), number)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([node("anonymous_id:a", 1), node("email:e", 2)], "email:e"),
        ([node("email:e", 1), node("user_id:u", 9)], "user_id:u"),
        ([node("user_id:u", 9), node("crm_id:c", 3)], "crm_id:c"),
        ([node("email:f", 4), node("email:e", 4)], "email:e"),
        ([node("phone:p", 4), node("email:e", 4)], "email:e"),
        ([node("phone:p", 3), node("email:e", 4)], "phone:p"),
        ([node("loyalty_id:l", 9), node("email:e", 4)], "email:e"),
        ([node("maid:m", 2), node("anonymous_id:a", 1)], "anonymous_id:a"),
        ([node("maid:m", 2), node("anonymous_id:a", 2)], "maid:m"),
    ],
)
def test_the_founder(nodes, expected):
    assert founder(nodes, DEFAULT).key == expected
    assert founder(reversed(nodes), DEFAULT).key == expected


def test_the_newest_wins_among_links_of_one_class():
    policy = Policy(
        {
            "user_id": Namespace("user_id", Kind.PERSON, 1, max=1),
            "anonymous_id": Namespace("anonymous_id", Kind.COOKIE, 2),
        }
    )
    one, two, shared = ids("user_id:1", "user_id:2", "anonymous_id:a")

    def link(end: Identifier, at: int) -> Link:
        return Link(shared, end, source=1, first_seen=at, last_seen=at, count=1)

    nodes = tuple(Node(each, 1) for each in (one, two, shared))
    found = partition(Neighbourhood(nodes, (link(one, 5), link(two, 4))), policy)
    assert clusters([found]) == {frozenset({one.key, shared.key}), frozenset({two.key})}
    tie = partition(Neighbourhood(nodes, (link(one, 5), link(two, 5))), policy)
    assert clusters([tie]) == {frozenset({one.key, shared.key}), frozenset({two.key})}


def test_orders_are_what_they_say():
    assert len(orders(5)) == 120
    assert len(list(islice(orders(6), 60))) == 50


# --- Guesses ------------------------------------------------------------------------------------------------------------


def guessed(a: str, b: str, strength: float, at: int = 0) -> Link:
    return Link(Identifier.of(a), Identifier.of(b), 9, at, at, 1, strength=strength)


def test_what_was_seen_comes_before_guesses_and_the_surest_guess_first():
    nodes = tuple(Node(Identifier.of(f"loyalty_id:{each}"), 1) for each in "abc")
    unsure = guessed("loyalty_id:a", "loyalty_id:b", 0.7, at=9)
    sure = guessed("loyalty_id:b", "loyalty_id:c", 0.8, at=5)
    seen = guessed("loyalty_id:a", "loyalty_id:b", 1.0, at=1)
    for links, apart in (((unsure, sure), "a"), ((unsure, sure, seen), "c")):
        found = partition(Neighbourhood(nodes, links), SMALL)  # two cards a person
        assert [each.identifier.value for each in min(found.profiles, key=len)] == [apart]
        assert [each.reason for each in found.refused] == ["max:loyalty_id"]


def test_a_guess_about_a_pair_that_was_seen_does_not_make_it_newer():
    a, b, one, two = ids("anonymous_id:a", "anonymous_id:b", "crm_id:1", "crm_id:2")
    nodes = tuple(Node(each, number) for number, each in enumerate((a, b, one, two)))
    links = [Link(a, b, 1, 1, 1, 1), Link(a, one, 1, 1, 1, 1), Link(b, two, 1, 1, 1, 1)]
    guess = Link(a, b, 2, 2, 2, 1, strength=0.9)
    seen = partition(Neighbourhood(nodes, tuple(links)), SMALL)
    both = partition(Neighbourhood(nodes, (*links, guess)), SMALL)
    assert both.profiles == seen.profiles


@long
@given(events(), st.randoms())
def test_guesses_part_nobody_whom_evidence_joins(happened, random):
    nodes, links = graph(happened, SMALL)
    both = [
        replace(link, strength=random.choice((0.5, 0.9)), same=False) if link.source == 2 else link
        for link in links
    ]
    seen = [link for link in both if link.strength == 1]
    home: dict[Identifier, tuple[Node, int]] = {}
    for each in neighbourhoods(nodes, both, SMALL):
        for number, profile in enumerate(partition(each, SMALL).profiles):
            home |= {
                node.identifier: (each.nodes[0], number)
                for node in profile
                if not node.quarantined
            }
    for each in neighbourhoods(nodes, seen, SMALL):
        for profile in partition(each, SMALL).profiles:
            assert len({home[node.identifier] for node in profile if not node.quarantined}) <= 1
