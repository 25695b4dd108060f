"""Who founds a profile, what the fast path promises, and how far new evidence reaches, for any evidence."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.partition import founder, partition
from identity.graph.policy import Kind
from identity.graph.types import Neighbourhood, Node
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import SMALL, Event, events, graph, partitions, renumbered
from tests.soaking import examples

long = settings(max_examples=examples(200, soak=20_000))


def tier(node: Node) -> int:
    """Return 0 for the only login of a person, 1 for other marks of one, 2 for devices and cookies."""
    rule = SMALL[node.identifier.namespace]
    return 2 if rule.kind is not Kind.PERSON else int(rule.max != 1)


@long
@given(events(most=30), st.randoms(use_true_random=False))
def test_the_founder_is_the_first_received_of_the_strongest_kind_there_is(stream, random):
    for each in partitions(stream, SMALL):
        for profile in each.profiles:
            chosen = founder(profile, SMALL)
            [node] = [one for one in profile if one.identifier == chosen]
            best = min(map(tier, profile))
            assert tier(node) == best
            assert node.first_number == min(
                one.first_number for one in profile if tier(one) == best
            )
            assert founder(random.sample(profile, len(profile)), SMALL) == chosen


@long
@given(events(most=30))
def test_no_two_profiles_have_one_founder(stream):
    found = [
        founder(profile, SMALL)
        for each in partitions(stream, SMALL)
        for profile in each.profiles
        if not profile[0].quarantined  # a hub comes with every neighbourhood that it touches
    ]
    assert set(Counter(found).values()) <= {1}


@long
@given(events(most=30))
def test_where_nothing_breaks_a_limit_the_whole_neighbourhood_is_one_profile(stream):
    nodes, links = graph(stream, SMALL)
    for each in neighbourhoods(nodes, links, SMALL):
        if fits(each):
            found = partition(each, SMALL)
            assert [set(profile) for profile in found.profiles] == [set(each.nodes)]
            assert found.refused == ()


def fits(neighbourhood: Neighbourhood) -> bool:
    counts = Counter(node.identifier.namespace for node in neighbourhood.nodes)
    limits = ((count, SMALL[name].max) for name, count in counts.items())
    hub = any(node.quarantined for node in neighbourhood.nodes)
    return not hub and all(limit is None or count <= limit for count, limit in limits)


@long
@given(events(most=20), events(most=3))
def test_new_evidence_gives_nobody_outside_its_neighbourhood_another_id(stream, more):
    before, after = ids(stream), ids(renumbered([*stream, *more]))
    reached = touched(stream, more) | touched(renumbered([*stream, *more]), more)
    assert {key: after[key] for key in before.keys() - reached} == {
        key: before[key] for key in before.keys() - reached
    }


def ids(stream: list[Event]) -> dict[Identifier, Identifier]:
    """Return identifier -> founder of its profile."""
    return {
        node.identifier: founder(profile, SMALL)
        for each in partitions(stream, SMALL)
        for profile in each.profiles
        for node in profile
        if not node.quarantined
    }


def touched(stream: list[Event], more: list[Event]) -> set[Identifier]:
    """Return everything in a neighbourhood with what the new events carry; a hub that it makes cuts old neighbourhoods."""
    carried = {each for event in more for each in event.identifiers}
    nodes, links = graph(stream, SMALL)
    found: set[Identifier] = set(carried)
    for each in neighbourhoods(nodes, links, SMALL):
        members = {node.identifier for node in each.nodes}
        if members & carried:
            found |= members
    return found
