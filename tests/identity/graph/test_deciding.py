"""What people decide outranks all evidence, in the partition."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import Partition, partition
from identity.graph.types import Decision, Verdict
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import (
    SMALL,
    Event,
    clusters,
    decisions,
    events,
    graph,
    partitions,
)

ALICE, BOB, COOKIE, TABLET, MAIL, CRM = map(
    Identifier.of,
    ("user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t", "email:m", "crm_id:1"),
)
ALWAYS, NEVER, UNLINK = Verdict.ALWAYS, Verdict.NEVER, Verdict.UNLINK


def decided(verdict: Verdict, one: Identifier, other: Identifier, number: int = 1) -> Decision:
    a, b = sorted((one, other))
    return Decision(a, b, verdict, number, at=number)


def people(stream: list[Event], *made: Decision) -> set[frozenset[str]]:
    return clusters(partitions(stream, SMALL, made))


def together(*identifiers: Identifier) -> frozenset[str]:
    return frozenset(each.key for each in identifiers)


def reasons(found: list[Partition]) -> dict[int, str]:
    return {one.decision.number: one.reason for each in found for one in each.overruled}


# --- Single rules -------------------------------------------------------------------------------------------------------

VISIT = [Event(1, (ALICE, COOKIE)), Event(2, (COOKIE, TABLET))]


def test_unlink_makes_the_evidence_of_a_pair_void():
    assert people(VISIT) == {together(ALICE, COOKIE, TABLET)}
    made = decided(UNLINK, ALICE, COOKIE)
    assert people(VISIT, made) == {together(ALICE), together(COOKIE, TABLET)}
    [found] = partitions(VISIT, SMALL, [made])
    assert [tuple(each) for each in found.refused] == [(COOKIE, ALICE, "unlink")]


def test_never_link_keeps_two_apart_along_any_chain_and_the_newest_link_stays():
    made = decided(NEVER, ALICE, TABLET)
    [found] = partitions(VISIT, SMALL, [made])
    assert clusters([found]) == {together(ALICE), together(COOKIE, TABLET)}
    assert [tuple(each) for each in found.refused] == [(COOKIE, ALICE, "never_link")]
    assert found.contested


def test_always_link_joins_what_nothing_connects():
    stream = [Event(1, (ALICE,)), Event(2, (TABLET, MAIL))]
    assert people(stream, decided(ALWAYS, ALICE, TABLET)) == {together(ALICE, TABLET, MAIL)}


def test_always_link_outranks_newer_evidence():
    stream = [Event(1, (ALICE, COOKIE)), Event(9, (BOB, COOKIE))]
    assert people(stream) == {together(ALICE), together(BOB, COOKIE)}
    made = decided(ALWAYS, ALICE, COOKIE)
    assert people(stream, made) == {together(ALICE, COOKIE), together(BOB)}


def test_two_values_that_are_always_linked_count_once():
    stream = [Event(1, (ALICE, COOKIE)), Event(2, (BOB, COOKIE))]
    assert people(stream, decided(ALWAYS, ALICE, BOB)) == {together(ALICE, BOB, COOKIE)}


def test_a_chain_of_always_links_breaks_no_limit_and_the_newest_holds():
    older, newer = decided(ALWAYS, ALICE, MAIL, 1), decided(ALWAYS, BOB, MAIL, 2)
    stream = [Event(1, (ALICE,)), Event(2, (BOB,)), Event(3, (MAIL,))]
    found = partitions(stream, SMALL, [older, newer])
    assert clusters(found) == {together(ALICE), together(BOB, MAIL)}
    assert reasons(found) == {1: "max:user_id"}
    both = decided(ALWAYS, ALICE, BOB, 3)
    assert people(stream, older, newer, both) == {together(ALICE, BOB, MAIL)}


def test_an_always_link_that_a_never_link_overrules_makes_no_two_values_one():
    """Nothing else says that Alice and Carol are one: the limit keeps them apart."""
    carol = Identifier("user_id", "carol")
    renamed = Event(1, (BOB, carol), same=((BOB, carol),))
    stream = [renamed, Event(2, (carol, MAIL)), Event(3, (ALICE, MAIL)), Event(4, (TABLET,))]
    assert people(stream) == {together(ALICE, MAIL), together(BOB, carol), together(TABLET)}
    made = [decided(ALWAYS, ALICE, BOB, 1), decided(NEVER, ALICE, BOB, 2)]
    found = partitions(stream, SMALL, made)
    assert clusters(found) == people(stream)
    assert reasons(found) == {1: "never_link"}
    # Not even where newer ones would join the two in another way.
    made += [decided(ALWAYS, ALICE, TABLET, 3), decided(ALWAYS, BOB, TABLET, 4)]
    found = partitions(stream, SMALL, made)
    assert clusters(found) == {together(ALICE, MAIL), together(BOB, carol, TABLET)}
    assert reasons(found) == {1: "never_link", 3: "max:user_id"}


@pytest.mark.parametrize(
    ("older", "newer", "reason"),
    [(ALWAYS, NEVER, "never_link"), (NEVER, ALWAYS, "always_link"), (ALWAYS, UNLINK, "unlink")],
)
def test_the_newest_decision_about_a_pair_holds(older, newer, reason):
    stream = [Event(1, (ALICE,)), Event(2, (TABLET,))]
    found = partitions(
        stream, SMALL, [decided(older, ALICE, TABLET, 1), decided(newer, ALICE, TABLET, 2)]
    )
    assert reasons(found) == {1: reason}
    assert len(clusters(found)) == (1 if newer is ALWAYS else 2)


def test_an_unlink_before_does_not_stand_in_the_way_of_an_always_link():
    stream = [Event(1, (ALICE, TABLET))]
    made = [decided(UNLINK, ALICE, TABLET, 1), decided(ALWAYS, ALICE, TABLET, 2)]
    found = partitions(stream, SMALL, made)
    assert clusters(found) == {together(ALICE, TABLET)}
    assert reasons(found) == {}


def test_a_contradiction_along_a_chain_goes_against_the_oldest():
    stream = [Event(1, (each,)) for each in (ALICE, COOKIE, TABLET)]
    first, second = decided(ALWAYS, ALICE, COOKIE, 1), decided(ALWAYS, COOKIE, TABLET, 2)
    apart = decided(NEVER, ALICE, TABLET, 3)
    found = partitions(stream, SMALL, [first, second, apart])
    assert clusters(found) == {together(ALICE), together(COOKIE, TABLET)}
    assert reasons(found) == {1: "never_link"}
    found = partitions(stream, SMALL, [replace(apart, number=0), first, second])
    assert clusters(found) == {together(ALICE, COOKIE, TABLET)}
    assert reasons(found) == {0: "always_link"}


def test_a_hub_joins_nobody_whatever_was_decided():
    crowd = [Identifier("loyalty_id", str(number)) for number in range(4)]
    stream = [Event(number, (MAIL, each)) for number, each in enumerate(crowd)]
    found = partitions(stream, SMALL, [decided(ALWAYS, MAIL, crowd[0])])
    assert together(MAIL) in clusters(found)
    assert reasons(found) == {1: "hub:email"}


def test_an_alias_does_not_outrank_a_never_link():
    stream = [Event(1, (ALICE, BOB), same=((ALICE, BOB),))]
    assert people(stream) == {together(ALICE, BOB)}
    assert people(stream, decided(NEVER, ALICE, BOB)) == {together(ALICE), together(BOB)}


# --- Properties ---------------------------------------------------------------------------------------------------------


@given(events(), decisions(), st.randoms(use_true_random=False))
def test_no_order_matters_but_that_of_the_log(
    stream: list[Event], made: list[Decision], random: Random
):
    shuffled, mixed = list(stream), list(made)
    random.shuffle(shuffled)
    random.shuffle(mixed)
    assert partitions(stream, SMALL, made) == partitions(shuffled, SMALL, mixed)


@given(events(), decisions())
def test_what_was_decided_holds_unless_the_partition_says_why_not(stream, made):
    found = partitions(stream, SMALL, made)
    home = {
        node.identifier: number
        for number, profile in enumerate(part for each in found for part in each.profiles)
        for node in profile
    }
    overruled = reasons(found)
    for each in made:
        if each.number in overruled or not {each.a, each.b} <= home.keys():
            continue
        if each.verdict is not UNLINK:
            assert (home[each.a] == home[each.b]) == (each.verdict is ALWAYS)


@given(events(), decisions())
def test_unlinked_evidence_might_as_well_not_be_there(stream, made):
    unlinks = [each for each in made if each.verdict is UNLINK]
    void = {(each.a, each.b) for each in unlinks}
    nodes, links = graph(stream, SMALL, unlinks)
    kept = [link for link in links if (link.a, link.b) not in void]
    without = [partition(each, SMALL) for each in neighbourhoods(nodes, kept, SMALL)]
    assert clusters(partitions(stream, SMALL, unlinks)) == clusters(without)


@given(events(most=30), decisions())
def test_no_decision_breaks_a_limit(stream, made):
    declared = [pair for event in stream for pair in event.same] + [
        (each.a, each.b) for each in made if each.verdict is ALWAYS
    ]
    same = [(a, b) for a, b in declared if a.namespace == b.namespace]
    one_of: dict[Identifier, Identifier] = {}
    for a, b in same:
        old, new = one_of.get(a, a), one_of.get(b, b)
        one_of |= {a: new, b: new}
        one_of = {each: new if one == old else one for each, one in one_of.items()}
    for each in partitions(stream, SMALL, made):
        for profile in each.profiles:
            values = {
                (node.identifier.namespace, one_of.get(node.identifier, node.identifier))
                for node in profile
            }
            for name, count in Counter(name for name, _ in values).items():
                limit = SMALL[name].max
                assert limit is None or count <= limit
