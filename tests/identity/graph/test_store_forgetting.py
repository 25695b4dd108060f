"""Taking evidence away for good, in every graph store: all that a source brought, or one identifier."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.graph.contents import Part, add_up
from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.port import LaneSuperseded
from identity.graph.types import SOURCE_FORGOTTEN, UNVOUCHED, Neighbourhood, Node
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL, Event, events, graph, touchpoint, touchpoints
from tests.soaking import examples
from tests.stores import undone

ALICE, BOB, COOKIE, TABLET, MAIL = map(
    Identifier.of, ("user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t", "email:m")
)
BAD = 2  # the source that is forgotten

each_example = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=20_000),
)


def seen(number: int, *identifiers: Identifier, source: int = 1):
    return touchpoint(Event(number * 10, identifiers, source, number=number), SMALL)


def record(store, *batch):
    return store.record(batch, epoch=EPOCH, contested=()).neighbourhoods


def forget_source(store, *, limit: int = 2) -> list[Neighbourhood]:
    """Forget it slice by slice; return what was said to have changed."""
    after, around = 0, set()
    while (swept := store.forget_source(BAD, after=after, limit=limit, epoch=EPOCH)).after:
        after = swept.after
        around |= set(swept.around)
    return list(store.neighbourhoods(around))


def forget(store, identifier: Identifier, *, limit: int = 2) -> list[Neighbourhood]:
    """Forget it slice by slice, each twice; return what was said to have changed."""
    after: str | None = ""
    around: set[Identifier] = set()
    while after is not None:
        done = store.forget(identifier, after=after, limit=limit, epoch=EPOCH)
        assert store.forget(identifier, after=after, limit=limit, epoch=EPOCH) == done
        after = done.after
        around |= set(done.around)
    return list(store.neighbourhoods(around))


def members(found):
    return {frozenset(node.identifier for node in each.nodes) for each in found}


def shape(found):
    return {(frozenset(each.nodes), frozenset(each.links)) for each in found}


def everything(store):
    return shape(each for block in store.walk(size=3) for each in block)


# --- A source -----------------------------------------------------------------------------------------------------------


def test_the_links_of_a_source_go_and_those_of_others_stay(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, ALICE, COOKIE, source=BAD))
    record(graph_store, seen(3, ALICE, TABLET, source=BAD), seen(4, TABLET, MAIL))
    changed = forget_source(graph_store)
    assert members(changed) >= {frozenset({ALICE, COOKIE}), frozenset({TABLET, MAIL})}
    [found] = graph_store.neighbourhoods([ALICE])
    assert [(link.source, link.count) for link in found.links] == [(1, 1)]
    assert {
        node.first_number for each in graph_store.neighbourhoods([TABLET]) for node in each.nodes
    } == {4}


def test_touchpoints_stay_with_their_owners_and_are_no_evidence(graph_store):
    mine = seen(1, ALICE, COOKIE, source=BAD)
    record(graph_store, mine)
    forget_source(graph_store)
    kept = replace(mine, refusal=SOURCE_FORGOTTEN)
    assert graph_store.timeline([ALICE], before=None, limit=5) == [kept]
    assert graph_store.scan(after=0, limit=5) == [kept]
    assert graph_store.unowned(BAD, before=None, limit=5) == []
    assert everything(graph_store) == {
        (frozenset({Node(each, UNVOUCHED)}), frozenset()) for each in (ALICE, COOKIE)
    }


def test_later_evidence_of_others_counts_as_the_first(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE, source=BAD))
    forget_source(graph_store)
    [found] = record(graph_store, seen(9, ALICE, COOKIE))
    assert set(found.nodes) == {Node(ALICE, 9), Node(COOKIE, 9)}


def test_a_hub_that_is_none_any_more_joins_again(graph_store):
    people = [Identifier("loyalty_id", str(number)) for number in range(4)]  # a hub beyond 3
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people[:3], 1)))
    record(graph_store, seen(4, MAIL, people[3], source=BAD))
    assert len(graph_store.neighbourhoods(people)) == 4
    changed = forget_source(graph_store)
    assert frozenset({MAIL, *people[:3]}) in members(changed)
    assert members(graph_store.neighbourhoods(people)) == {
        frozenset({MAIL, *people[:3]}),
        frozenset({people[3]}),
    }


def test_a_slice_done_twice_returns_the_same_twice(graph_store):
    record(graph_store, *(seen(n, ALICE, COOKIE, source=BAD) for n in range(1, 4)))
    record(graph_store, seen(4, TABLET))
    first = graph_store.forget_source(BAD, after=0, limit=3, epoch=EPOCH)
    again = graph_store.forget_source(BAD, after=0, limit=3, epoch=EPOCH)
    assert first == again
    assert (first.after, first.touchpoints, set(first.around)) == (3, 3, {ALICE, COOKIE})
    assert graph_store.forget_source(BAD, after=3, limit=3, epoch=EPOCH).touchpoints == 0
    assert graph_store.forget_source(BAD, after=4, limit=3, epoch=EPOCH).after is None


def test_what_was_set_aside_comes_back_without_evidence(graph_store):
    bad = seen(1, ALICE, COOKIE, source=BAD)
    record(graph_store, bad)
    graph_store.set_aside([bad.id], epoch=EPOCH, aside=True)
    forget_source(graph_store)
    assert everything(graph_store) == set()
    graph_store.set_aside([bad.id], epoch=EPOCH, aside=False)
    assert everything(graph_store) == set()


def test_setting_another_aside_leaves_it_forgotten(graph_store):
    good = seen(3, ALICE, COOKIE)
    record(graph_store, seen(1, ALICE, COOKIE, source=BAD), good)
    forget_source(graph_store)
    graph_store.set_aside([good.id], epoch=EPOCH, aside=True)
    assert not any(links for _nodes, links in everything(graph_store))
    graph_store.set_aside([good.id], epoch=EPOCH, aside=False)
    [found] = graph_store.neighbourhoods([ALICE])
    assert [(link.source, link.count) for link in found.links] == [(1, 1)]


def test_forgetting_is_copied_with_the_rest(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE, source=BAD), seen(2, ALICE, TABLET), seen(3, BOB))
    forget_source(graph_store)
    forget(graph_store, BOB)
    before, contents = everything(graph_store), graph_store.contents()
    sums, mark = add_up(contents), contents.mark()
    rows = {
        part: [row for page in contents.pages(part, size=2) for row in page.rows] for part in Part
    }
    contents.clear()
    for part in Part:
        contents.load(part, rows[part])
    contents.adopt(mark)
    assert str(add_up(contents).digest) == str(sums.digest)
    assert everything(graph_store) == before
    good = seen(9, COOKIE, BOB)
    record(graph_store, good)
    assert members(graph_store.neighbourhoods([COOKIE, BOB])) == {frozenset({COOKIE})}


@each_example
@given(stream=events(), limit=st.integers(1, 5))
def test_what_remains_is_as_if_the_source_had_never_linked_anything(graph_store, stream, limit):
    with undone():
        record(graph_store, *touchpoints(stream, SMALL))
        forget_source(graph_store, limit=limit)
        found = everything(graph_store)
    nodes, links = graph([each for each in stream if each.source != BAD], SMALL)
    expected = shape(
        each
        for each in neighbourhoods(nodes, links, SMALL)
        if not SMALL.is_household(each.nodes[0].identifier)
    )
    assert with_evidence(found) == with_evidence(expected)


def with_evidence(found):
    """Leave out who is left alone: hubs, and those that only the forgotten source knew."""
    return {
        each
        for each in found
        if not all(node.quarantined or node.first_number == UNVOUCHED for node in each[0])
    }


# --- An identifier ------------------------------------------------------------------------------------------------------


def test_a_forgotten_identifier_takes_part_in_nothing(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, COOKIE, TABLET))
    changed = forget(graph_store, COOKIE)
    assert members(changed) == {frozenset({each}) for each in (ALICE, TABLET)}
    assert graph_store.neighbourhoods([COOKIE]) == []
    assert everything(graph_store) == {
        (frozenset({Node(ALICE, 1)}), frozenset()),
        (frozenset({Node(TABLET, 2)}), frozenset()),
    }
    assert members(record(graph_store, seen(3, COOKIE, TABLET, ALICE))) >= {
        frozenset({TABLET, ALICE})
    }
    assert graph_store.neighbourhoods([COOKIE]) == []


def test_those_around_it_come_a_slice_at_a_time(graph_store):
    """It leads nowhere from the first slice on; whoever it was linked with comes in one of them."""
    cookies = [Identifier("anonymous_id", f"c{number}") for number in range(5)]
    record(graph_store, *(seen(n, ALICE, each) for n, each in enumerate(cookies, 1)))
    record(graph_store, seen(9, cookies[0], TABLET, source=BAD))
    slices: list[set[Identifier]] = []
    after: str | None = ""
    while after is not None:
        done = graph_store.forget(ALICE, after=after, limit=2, epoch=EPOCH)
        after = done.after
        slices.append(set(done.around))
        assert graph_store.neighbourhoods([ALICE]) == []
        assert members(graph_store.neighbourhoods([cookies[4]])) == {frozenset({cookies[4]})}
    assert [len(each) for each in slices] == [2, 2, 1]
    assert set().union(*slices) == set(cookies)
    assert members(graph_store.neighbourhoods(cookies)) == {
        frozenset({cookies[0], TABLET}),
        *(frozenset({each}) for each in cookies[1:]),
    }


def test_a_forgotten_person_makes_no_hub(graph_store):
    people = [Identifier("loyalty_id", str(number)) for number in range(4)]
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people, 1)))
    changed = forget(graph_store, people[0])
    assert frozenset({MAIL, *people[1:]}) in members(changed)
    record(graph_store, seen(9, MAIL, people[0]))
    assert members(graph_store.neighbourhoods([MAIL])) == {frozenset({MAIL, *people[1:]})}


def test_setting_aside_brings_back_nobody_who_was_forgotten(graph_store):
    one = seen(1, ALICE, COOKIE, TABLET)
    record(graph_store, one)
    forget(graph_store, COOKIE)
    for aside in (True, False):
        graph_store.set_aside([one.id], epoch=EPOCH, aside=aside)
    assert members(graph_store.neighbourhoods([ALICE, COOKIE])) == {frozenset({ALICE, TABLET})}


def test_somebody_never_seen_can_be_forgotten(graph_store):
    forget(graph_store, BOB)
    assert members(record(graph_store, seen(1, BOB, COOKIE))) == {frozenset({COOKIE})}


def test_a_superseded_lane_forgets_nothing(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE, source=BAD))
    graph_store.raise_epoch(EPOCH + 1)
    with pytest.raises(LaneSuperseded):
        graph_store.forget_source(BAD, after=0, limit=5, epoch=EPOCH)
    with pytest.raises(LaneSuperseded):
        graph_store.forget(ALICE, after="", limit=5, epoch=EPOCH)
    assert members(graph_store.neighbourhoods([ALICE])) == {frozenset({ALICE, COOKIE})}


@each_example
@given(stream=events(), data=st.data(), limit=st.integers(1, 5))
def test_what_remains_is_as_if_the_identifier_had_never_come(graph_store, stream, data, limit):
    known = sorted({each for event in stream for each in event.identifiers})
    gone = data.draw(st.sampled_from(known))
    refused = [each for each in stream if SMALL.refusal(each.identifiers, each.same)]
    with undone():
        record(graph_store, *touchpoints(stream, SMALL))
        forget(graph_store, gone, limit=limit)
        found = everything(graph_store)
    left = [
        replace(
            event,
            identifiers=tuple(each for each in event.identifiers if each != gone),
            same=tuple(pair for pair in event.same if gone not in pair),
        )
        for event in stream
        if event not in refused
    ]
    nodes, links = graph(left, SMALL)
    expected = shape(
        each
        for each in neighbourhoods(nodes, links, SMALL)
        if not SMALL.is_household(each.nodes[0].identifier)
    )
    assert with_evidence(found) == with_evidence(expected)


# --- Hubs ---------------------------------------------------------------------------------------------------------------


def test_hubs_are_listed_by_key_in_pages_without_forgotten_ones(graph_store):
    mails = [Identifier("email", name) for name in "abc"]
    people = [Identifier("loyalty_id", f"p{number}") for number in range(5)]  # a hub beyond 3
    pairs = [(mail, person) for mail in mails for person in people]
    record(graph_store, *(seen(n, *pair) for n, pair in enumerate(pairs, 1)))
    record(graph_store, seen(99, Identifier("email", "no"), ALICE))
    assert graph_store.hubs(after="", limit=2) == [(mails[0], 5), (mails[1], 5)]
    assert graph_store.hubs(after=mails[1].key, limit=2) == [(mails[2], 5)]
    forget(graph_store, mails[0])
    assert [each.identifier for each in graph_store.hubs(after="", limit=9)] == mails[1:]
