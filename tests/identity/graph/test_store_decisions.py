"""What people decided, in every graph store: beside the evidence, and with it wherever it is read."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.graph.contents import Part, add_up
from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.port import LaneSuperseded
from identity.graph.types import RESERVED, Decision, Verdict
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import (
    SMALL,
    Event,
    decisions,
    events,
    graph,
    standing,
    touchpoint,
    touchpoints,
)
from tests.soaking import examples
from tests.stores import undone

ALICE, BOB, COOKIE, TABLET, MAIL = map(
    Identifier.of, ("user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t", "email:m")
)
ALWAYS, NEVER, UNLINK = Verdict.ALWAYS, Verdict.NEVER, Verdict.UNLINK
Shape = set[tuple[frozenset, frozenset, frozenset]]

each_example = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=20_000),
)


def decided(verdict: Verdict, one: Identifier, other: Identifier, number: int = 1) -> Decision:
    a, b = sorted((one, other))
    return Decision(a, b, verdict, number, at=number)


def seen(number: int, *identifiers: Identifier, **more):
    return touchpoint(Event(number * 10, identifiers, number=number), SMALL, **more)


def record(store, *batch, contested=()):
    return store.record(batch, epoch=EPOCH, contested=contested).neighbourhoods


def decide(store, *made: Decision):
    return store.decide(standing(made), epoch=EPOCH)


def take_back(store, one: Identifier, other: Identifier):
    return store.decide({tuple(sorted((one, other))): ()}, epoch=EPOCH)


def shape(found) -> Shape:
    return {
        (frozenset(each.nodes), frozenset(each.links), frozenset(each.decisions)) for each in found
    }


def members(found):
    return {frozenset(node.identifier for node in each.nodes) for each in found}


def test_what_is_always_linked_is_one_neighbourhood_that_nothing_else_connects(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, TABLET, MAIL))
    made = decided(ALWAYS, ALICE, TABLET)
    [found] = decide(graph_store, made)
    assert {node.identifier for node in found.nodes} == {ALICE, COOKIE, TABLET, MAIL}
    assert found.decisions == (made,)
    assert {(link.a, link.b) for link in found.links} == {(COOKIE, ALICE), (TABLET, MAIL)}
    assert shape(graph_store.neighbourhoods([MAIL])) == shape([found])
    assert shape(each for block in graph_store.walk(size=1) for each in block) == shape([found])
    assert members(take_back(graph_store, TABLET, ALICE)) == {
        frozenset({ALICE, COOKIE}),
        frozenset({TABLET, MAIL}),
    }


def test_what_keeps_apart_comes_with_the_batch_that_would_bring_together(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, BOB, TABLET))
    made = decided(NEVER, COOKIE, TABLET)
    assert [each.decisions for each in decide(graph_store, made)] == [(), ()]
    [found] = record(graph_store, seen(3, COOKIE, MAIL), seen(4, MAIL, TABLET))
    assert len(found.nodes) == 5
    assert found.decisions == (made,)


def test_whom_a_decision_keeps_away_does_not_come_without_the_own_neighbours(graph_store):
    record(graph_store, seen(1, COOKIE), seen(2, ALICE, TABLET))
    decide(graph_store, decided(NEVER, COOKIE, TABLET))
    assert members(graph_store.neighbourhoods([COOKIE])) == {frozenset({COOKIE})}
    assert members(record(graph_store, seen(3, COOKIE, MAIL))) == {frozenset({COOKIE, MAIL})}


def test_all_that_stands_about_a_pair_comes_and_only_that(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE))
    first, second = decided(NEVER, ALICE, COOKIE, 1), decided(UNLINK, ALICE, COOKIE, 2)
    [found] = decide(graph_store, first, second)
    assert set(found.decisions) == {first, second}
    third = decided(ALWAYS, ALICE, COOKIE, 3)
    [found] = decide(graph_store, third)
    assert found.decisions == (third,)
    assert [link.count for link in found.links] == [1]


def test_deciding_twice_returns_the_same_twice(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, TABLET))
    made = [decided(ALWAYS, COOKIE, TABLET, 1), decided(UNLINK, ALICE, COOKIE, 2)]
    assert shape(decide(graph_store, *made)) == shape(decide(graph_store, *made))
    back = take_back(graph_store, COOKIE, TABLET)
    assert shape(back) == shape(take_back(graph_store, COOKIE, TABLET))


def test_a_decision_about_somebody_never_seen_waits_for_the_day(graph_store):
    record(graph_store, seen(1, ALICE))
    made = decided(ALWAYS, ALICE, TABLET)
    assert members(decide(graph_store, made)) == {frozenset({ALICE})}
    [found] = record(graph_store, seen(2, TABLET))
    assert {node.identifier: node.first_number for node in found.nodes} == {ALICE: 1, TABLET: 2}
    assert found.decisions == (made,)


def test_what_was_decided_is_no_evidence_of_a_batch(graph_store):
    """Numbers of the log are no numbers of the inbox: a batch under the same number returns nothing for it."""
    record(graph_store, seen(1, ALICE, COOKIE))
    decide(graph_store, decided(UNLINK, ALICE, COOKIE, 7))
    assert record(graph_store, seen(7, ALICE, COOKIE)) == []


def crowd(size: int) -> list[Identifier]:
    return [Identifier("loyalty_id", f"p{number}") for number in range(size)]


def test_unlinked_pairs_make_no_hub(graph_store):
    people = crowd(4)  # an e-mail address is a hub beyond 3
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people, 1)))
    assert len(graph_store.neighbourhoods(people)) == 4
    changed = decide(graph_store, decided(UNLINK, MAIL, people[0]))
    assert members(changed) == {frozenset({MAIL, *people})}
    assert not any(node.quarantined for each in changed for node in each.nodes)
    back = take_back(graph_store, MAIL, people[0])
    assert members(back) == {frozenset({MAIL, each}) for each in people}
    assert shape(back) == shape(take_back(graph_store, MAIL, people[0]))


def test_an_unlinked_pair_counts_for_no_hub_when_its_evidence_comes_later(graph_store):
    people = crowd(4)
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people[:3], 1)))
    record(graph_store, seen(4, people[3]))
    decide(graph_store, decided(UNLINK, MAIL, people[3]))
    record(graph_store, seen(5, MAIL, people[3]))
    [found] = graph_store.neighbourhoods([MAIL])
    assert not any(node.quarantined for node in found.nodes)
    assert members(take_back(graph_store, MAIL, people[3])) == {
        frozenset({MAIL, each}) for each in people
    }


@pytest.mark.parametrize("verdict", [ALWAYS, NEVER])
def test_other_decisions_do_not_keep_a_pair_from_counting(graph_store, verdict):
    people = crowd(4)
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people[:3], 1)))
    decide(graph_store, decided(verdict, MAIL, people[3]))
    record(graph_store, seen(5, MAIL, people[3]))
    [found] = graph_store.neighbourhoods([people[3]])
    assert {node.identifier for node in found.nodes if node.quarantined} == {MAIL}


def test_setting_aside_leaves_what_was_decided(graph_store):
    bad = seen(2, ALICE, COOKIE)
    record(graph_store, seen(1, ALICE, COOKIE), bad)
    made = [decided(ALWAYS, ALICE, COOKIE, 1), decided(UNLINK, ALICE, COOKIE, 2)]
    decide(graph_store, *made)
    [found] = graph_store.set_aside([bad.id], epoch=EPOCH, aside=True)
    assert set(found.decisions) == set(made)
    assert [link.count for link in found.links] == [1]


def test_a_superseded_lane_decides_nothing(graph_store):
    record(graph_store, seen(1, ALICE), seen(2, TABLET))
    graph_store.raise_epoch(EPOCH + 1)
    with pytest.raises(LaneSuperseded):
        decide(graph_store, decided(ALWAYS, ALICE, TABLET))
    assert len(graph_store.neighbourhoods([ALICE, TABLET])) == 2


def test_decisions_are_copied_with_the_rest(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, TABLET))
    made = [
        decided(ALWAYS, COOKIE, TABLET, 4),
        decided(NEVER, ALICE, TABLET, 5),
        decided(UNLINK, ALICE, COOKIE, 6),
    ]
    decide(graph_store, *made)
    before = graph_store.neighbourhoods([ALICE])
    contents = graph_store.contents()
    sums, mark = add_up(contents), contents.mark()
    rows = {
        part: [row for page in contents.pages(part, size=2) for row in page.rows] for part in Part
    }
    assert len(rows[Part.LINKS]) == 4
    contents.clear()
    for part in Part:
        contents.load(part, rows[part])
    contents.adopt(mark)
    assert str(add_up(contents).digest) == str(sums.digest)
    assert shape(graph_store.neighbourhoods([ALICE])) == shape(before)


def test_what_was_decided_is_read_back_and_nothing_else(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, TABLET))
    made = [decided(ALWAYS, COOKIE, TABLET, 4), decided(NEVER, ALICE, BOB, 5)]  # who never came
    decide(graph_store, *made, decided(UNLINK, ALICE, COOKIE, 6))
    take_back(graph_store, ALICE, COOKIE)
    found = add_up(graph_store.contents(), size=1).decided
    assert sorted(
        (row.a, row.b, row.source, row.first_number, row.last_seen) for row in found
    ) == sorted(
        (each.a.key, each.b.key, RESERVED[each.verdict], each.number, each.at) for each in made
    )


@each_example
@given(stream=events(), made=decisions(), data=st.data())
def test_a_store_reads_what_the_evidence_and_the_log_say_however_they_came(
    graph_store, stream, made, data
):
    """Decisions and batches in any order, some taken back and made again; compared with both added up at once."""
    steps = data.draw(st.permutations([*touchpoints(stream, SMALL), *made]))
    for each in data.draw(st.lists(st.sampled_from(made), max_size=3)) if made else ():
        steps.append(((each.a, each.b), ()))
        steps.append(((each.a, each.b), standing(made)[each.a, each.b]))
    stands: dict = {}
    with undone():
        for step in steps:
            if isinstance(step, Decision):
                stands.setdefault((step.a, step.b), []).append(step)
                step = (step.a, step.b), stands[step.a, step.b]  # noqa: PLW2901
            if isinstance(step, tuple):
                graph_store.decide({step[0]: step[1]}, epoch=EPOCH)
            else:
                record(graph_store, step)
        found = [each for block in graph_store.walk(size=3) for each in block]
    nodes, links = graph(stream, SMALL, made)
    known = {node.identifier for node in nodes}
    expected = neighbourhoods(
        nodes, links, SMALL, [each for each in made if {each.a, each.b} <= known]
    )
    assert without_lone_hubs(shape(found)) == without_lone_hubs(
        shape(each for each in expected if not SMALL.is_household(each.nodes[0].identifier))
    )


def without_lone_hubs(found: Shape) -> Shape:
    return {each for each in found if not all(node.quarantined for node in each[0])}
