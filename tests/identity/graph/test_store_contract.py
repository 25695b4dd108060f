"""What every graph store does. One suite, run on each through the fixture `graph_store`."""

import secrets
from dataclasses import replace
from itertools import combinations, pairwise
from uuid import UUID

import networkx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity import faults
from identity.graph.neighbourhoods import neighbourhoods
from identity.graph.policy import Policy
from identity.graph.port import LaneSuperseded, StoreRefuses
from identity.graph.types import Link, Neighbourhood, Node
from identity.touchpoints.types import Direction, Identifier, Mode, Touchpoint, touchpoint_id
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL, Event, events, graph, touchpoint, touchpoints
from tests.soaking import examples
from tests.stores import undone

ALICE, BOB = Identifier("user_id", "alice"), Identifier("user_id", "bob")
MAIL, OTHER_MAIL = Identifier("email", "m"), Identifier("email", "n")
PHONE, TABLET = Identifier("anonymous_id", "phone"), Identifier("anonymous_id", "tablet")
HOME = Identifier("household_id", "7")
LAST = Identifier("email", "z")

each_example = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=20_000),
)


def seen(number: int, *identifiers: Identifier, at: int = 0, **more) -> Touchpoint:
    return touchpoint(Event(at or number * 10, identifiers, number=number), SMALL, **more)


def record(store, *batch: Touchpoint, contested=()):
    return store.record(batch, epoch=EPOCH, contested=contested)


def shape(found):
    """Neighbourhoods without order."""
    return {(frozenset(each.nodes), frozenset(each.links)) for each in found}


def members(found):
    return {frozenset(node.identifier for node in each.nodes) for each in found}


def everything(store):
    return shape(each for block in store.walk(size=3) for each in block)


# --- Touchpoints, identifiers, links ------------------------------------------------------------------------------------


def test_a_new_identifier_is_a_neighbourhood(graph_store):
    recorded = record(graph_store, seen(5, PHONE))
    assert recorded.neighbourhoods == [Neighbourhood((Node(PHONE, 5),), ())]
    assert list(recorded.first_numbers.values()) == [5]


def test_a_link_adds_up_per_source(graph_store):
    record(graph_store, seen(1, ALICE, PHONE, at=50), seen(2, PHONE, ALICE, at=20))
    record(graph_store, seen(3, ALICE, PHONE, at=70), seen(4, ALICE, PHONE, at=10, source=2))
    [found] = graph_store.neighbourhoods([ALICE])
    assert set(found.nodes) == {Node(ALICE, 1), Node(PHONE, 1)}
    assert set(found.links) == {
        Link(PHONE, ALICE, 1, first_seen=20, last_seen=70, count=3),
        Link(PHONE, ALICE, 2, first_seen=10, last_seen=10, count=1),
    }


def test_every_two_identifiers_of_a_touchpoint_are_linked(graph_store):
    [found] = record(graph_store, seen(1, ALICE, MAIL, PHONE)).neighbourhoods
    assert {(link.a, link.b) for link in found.links} == {
        (PHONE, MAIL),
        (PHONE, ALICE),
        (MAIL, ALICE),
    }


def test_an_alias_marks_the_link(graph_store):
    record(graph_store, seen(1, ALICE, BOB, same=((BOB, ALICE),)))
    [found] = graph_store.neighbourhoods([BOB])
    assert [link.same for link in found.links] == [True]


def test_a_link_is_as_sure_as_its_surest_touchpoint(graph_store):
    """Also when it is added up again without one that was set aside."""
    unsure, sure = (seen(n, ALICE, BOB, strength=n / 4, refusal="", owner=ALICE) for n in (1, 3))
    record(graph_store, unsure)
    strengths = [graph_store.neighbourhoods([ALICE])[0].links[0].strength]
    record(graph_store, sure)
    strengths.append(graph_store.neighbourhoods([ALICE])[0].links[0].strength)
    for aside in (True, False):
        graph_store.set_aside([sure.id], aside=aside, epoch=EPOCH)
        strengths.append(graph_store.neighbourhoods([ALICE])[0].links[0].strength)
    assert strengths == [0.25, 0.75, 0.25, 0.75]


def test_a_touchpoint_refused_as_evidence_is_kept_and_says_nothing(graph_store):
    refused = seen(1, ALICE, BOB)
    assert refused.refusal
    assert refused.owner is None
    recorded = record(graph_store, refused)
    assert recorded.first_numbers == {refused.id: 1}
    assert recorded.neighbourhoods == []
    assert graph_store.neighbourhoods([ALICE, BOB]) == []


def test_a_household_is_nobodys_neighbour(graph_store):
    found = record(graph_store, seen(1, ALICE, HOME), seen(2, BOB, HOME), seen(3, HOME))
    assert members(found.neighbourhoods) == {frozenset({ALICE}), frozenset({BOB})}
    assert members(each for block in graph_store.walk(size=1) for each in block) == {
        frozenset({ALICE}),
        frozenset({BOB}),
    }


def test_an_empty_batch(graph_store):
    assert record(graph_store).neighbourhoods == []
    assert graph_store.neighbourhoods([]) == []
    assert graph_store.timeline([], before=None, limit=10) == []
    assert list(graph_store.walk(size=10)) == []


def test_what_is_joined_during_a_walk_does_not_come_twice(graph_store):
    record(graph_store, seen(1, PHONE), seen(2, TABLET))
    blocks = graph_store.walk(size=1)
    assert members(next(blocks)) == {frozenset({PHONE})}
    record(graph_store, seen(3, PHONE, TABLET))
    assert members(each for block in blocks for each in block) == set()


def test_a_long_chain_is_one_neighbourhood(graph_store):
    chain = [Identifier("anonymous_id", f"{n:03}") for n in range(60)]
    record(
        graph_store,
        *(seen(n + 1, a, b) for n, (a, b) in enumerate(pairwise(chain))),
    )
    [found] = graph_store.neighbourhoods([chain[30]])
    assert len(found.nodes) == 60
    assert shape(graph_store.neighbourhoods(chain)) == shape([found])
    walked = [each for block in graph_store.walk(size=7) for each in block]
    assert [len(each.nodes) for each in walked] == [60]


# --- Exactly once -------------------------------------------------------------------------------------------------------


def test_a_duplicate_keeps_its_first_number_and_counts_once(graph_store):
    first = seen(1, ALICE, PHONE)
    record(graph_store, first)
    again = record(graph_store, replace(first, number=9))
    assert again.first_numbers == {first.id: 1}
    assert again.neighbourhoods == []
    [found] = graph_store.neighbourhoods([ALICE])
    assert [link.count for link in found.links] == [1]


def test_a_retry_returns_the_same_neighbourhoods(graph_store):
    record(graph_store, seen(1, BOB, TABLET))
    batch = [seen(2, ALICE, PHONE), seen(3, BOB, TABLET), seen(4, BOB, MAIL), seen(5, PHONE)]
    first = record(graph_store, *batch)
    again = record(graph_store, *batch)
    assert first.first_numbers == again.first_numbers
    assert shape(first.neighbourhoods) == shape(again.neighbourhoods)
    assert members(first.neighbourhoods) == {
        frozenset({ALICE, PHONE}),
        frozenset({BOB, TABLET, MAIL}),
    }


def test_the_halves_of_a_failed_batch_return_all_that_it_would_have(graph_store):
    batch = [seen(1, ALICE, PHONE), seen(2, TABLET), seen(3, ALICE, MAIL), seen(4, BOB)]
    whole = record(graph_store, *batch)
    halves = [record(graph_store, *batch[:2]), record(graph_store, *batch[2:])]
    assert shape(whole.neighbourhoods) == shape(
        each for half in halves for each in half.neighbourhoods
    )


def test_what_changed_nothing_returns_nothing(graph_store):
    record(graph_store, seen(1, ALICE, PHONE))
    assert record(graph_store, seen(2, ALICE, PHONE), seen(3, PHONE)).neighbourhoods == []


def test_what_is_contested_is_always_returned(graph_store):
    record(graph_store, seen(1, ALICE, PHONE), seen(2, BOB, PHONE), seen(3, TABLET))
    recorded = record(graph_store, seen(4, ALICE, PHONE), contested={PHONE, MAIL})
    assert members(recorded.neighbourhoods) == {frozenset({ALICE, BOB, PHONE})}
    newest = {link.b: link.last_seen for link in recorded.neighbourhoods[0].links}
    assert newest == {ALICE: 40, BOB: 20}


def test_what_is_contested_is_returned_even_if_no_touchpoint_of_the_batch_carries_it(graph_store):
    record(graph_store, seen(1, ALICE, PHONE))
    found = record(graph_store, seen(2, TABLET), contested=[ALICE, BOB]).neighbourhoods
    assert members(found) == {frozenset({ALICE, PHONE}), frozenset({TABLET})}


def test_a_lower_number_that_comes_later_is_the_first(graph_store):
    record(graph_store, seen(9, ALICE, PHONE))
    recorded = record(graph_store, seen(4, ALICE, PHONE))
    assert {node.first_number for each in recorded.neighbourhoods for node in each.nodes} == {4}


# --- Hubs ---------------------------------------------------------------------------------------------------------------


def crowd(size: int) -> list[Identifier]:
    return [Identifier("loyalty_id", str(number)) for number in range(size)]


def test_a_hub_stops_conducting_and_its_neighbours_are_returned(graph_store):
    people = crowd(4)  # an e-mail address is a hub beyond 3
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people[:3], 1)))
    assert members(graph_store.neighbourhoods([MAIL])) == {frozenset({MAIL, *people[:3]})}
    recorded = record(graph_store, seen(4, MAIL, people[3]))
    assert members(recorded.neighbourhoods) == {frozenset({MAIL, each}) for each in people}
    assert all(
        node.quarantined == (node.identifier == MAIL)
        for each in recorded.neighbourhoods
        for node in each.nodes
    )
    assert shape(record(graph_store, seen(4, MAIL, people[3])).neighbourhoods) == shape(
        recorded.neighbourhoods
    )


def test_a_hub_by_itself_leads_nowhere(graph_store):
    people = crowd(5)
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people, 1)))
    [found] = graph_store.neighbourhoods([MAIL])
    assert found == Neighbourhood((Node(MAIL, 1, quarantined=True),), ())
    [one] = graph_store.neighbourhoods([people[0]])
    assert {node.identifier for node in one.nodes} == {MAIL, people[0]}
    assert len(one.links) == 1


def test_one_person_seen_often_makes_no_hub(graph_store):
    batch = [seen(n, MAIL, ALICE, source=n % 3) for n in range(1, 9)]
    record(graph_store, *batch[:4])
    record(graph_store, *batch[4:])
    [found] = graph_store.neighbourhoods([MAIL])
    assert not any(node.quarantined for node in found.nodes)


# --- Setting aside ------------------------------------------------------------------------------------------------------


def test_setting_aside_takes_the_evidence_out_and_back_in(graph_store):
    good, bad = seen(1, ALICE, PHONE, at=5), seen(2, ALICE, PHONE, LAST, at=9)
    record(graph_store, good)
    before = everything(graph_store)
    record(graph_store, bad)
    after = everything(graph_store)
    changed = graph_store.set_aside([bad.id], epoch=EPOCH, aside=True)
    assert everything(graph_store) == before
    assert members(changed) == {frozenset({ALICE, PHONE}), frozenset({LAST})}
    again = graph_store.set_aside([bad.id], epoch=EPOCH, aside=True)
    assert shape(again) == shape(changed)
    back = graph_store.set_aside([bad.id], epoch=EPOCH, aside=False)
    assert everything(graph_store) == after
    assert shape(back) == after


def test_a_touchpoint_set_aside_is_recorded_once_and_shown_never(graph_store):
    bad = seen(1, ALICE)
    record(graph_store, bad)
    graph_store.set_aside([bad.id], epoch=EPOCH, aside=True)
    assert graph_store.timeline([ALICE], before=None, limit=5) == []
    assert record(graph_store, replace(bad, number=7)).first_numbers == {bad.id: 1}
    assert graph_store.neighbourhoods([ALICE]) == []


def test_setting_aside_what_was_never_recorded(graph_store):
    unknown = touchpoint_id(UUID(int=1), "nobody")
    assert graph_store.set_aside([unknown], epoch=EPOCH, aside=True) == []


def test_setting_aside_dissolves_a_hub(graph_store):
    people = crowd(4)
    batch = [seen(n, MAIL, each) for n, each in enumerate(people, 1)]
    record(graph_store, *batch)
    graph_store.set_aside([batch[0].id], epoch=EPOCH, aside=True)
    assert members(graph_store.neighbourhoods([MAIL])) == {frozenset({MAIL, *people[1:]})}


# --- Epoch and identity -------------------------------------------------------------------------------------------------


def test_a_superseded_lane_can_write_nothing(graph_store):
    graph_store.raise_epoch(EPOCH + 1)
    with pytest.raises(LaneSuperseded):
        record(graph_store, seen(1, ALICE))
    with pytest.raises(LaneSuperseded):
        graph_store.set_aside([], epoch=EPOCH, aside=True)
    with pytest.raises(LaneSuperseded):
        graph_store.raise_epoch(EPOCH)
    graph_store.raise_epoch(EPOCH + 1)
    assert graph_store.neighbourhoods([ALICE]) == []


def test_the_uuid_stays(graph_store):
    assert graph_store.uuid() == graph_store.uuid()


# --- Timeline -----------------------------------------------------------------------------------------------------------


def test_a_touchpoint_comes_back_as_it_was_without_clear_pii(graph_store):
    stored = Touchpoint(
        number=7,
        id=touchpoint_id(UUID(int=7), "m"),
        source=3,
        mode=Mode.HISTORY,
        type="track",
        event="Order Completed",
        at=1_000,
        received_at=2_000,
        identifiers=(ALICE, PHONE),
        owner=ALICE,
        same=((ALICE, PHONE),),
        channel="email",
        direction=Direction.INBOUND,
        message_class="marketing",
        traits={"city": "Lyon", "é": None},
        properties={"total": 12.5, "lines": [{"sku": "\x00\u2028"}]},
        context={"page": {"path": "/"}},
        clock_corrected=True,
    )
    secret = replace(stored, pii={MAIL: "jane@example.com"}, pii_fields={"name": "Jane"})
    record(graph_store, secret)
    assert graph_store.timeline([ALICE], before=None, limit=1) == [stored]


def test_the_timeline_is_of_the_owners_newest_first_in_pages(graph_store):
    batch = [
        seen(number, ALICE if number % 3 else BOB, at=100 + number // 4) for number in range(1, 25)
    ]
    record(graph_store, *batch)
    record(graph_store, seen(30, PHONE, MAIL))
    expected = sorted(batch, key=lambda each: (each.at, each.id), reverse=True)
    assert graph_store.timeline([ALICE, BOB, PHONE], before=None, limit=99) == expected
    pages, before = [], None
    while page := graph_store.timeline([BOB, ALICE], before=before, limit=5):
        assert len(page) <= 5
        pages.extend(page)
        before = (page[-1].at, page[-1].id)
    assert pages == expected
    assert [each.owner for each in graph_store.timeline([BOB], before=None, limit=99)] == [BOB] * 8


def test_touchpoints_without_an_owner_are_listed_by_source_the_latest_first_in_pages(graph_store):
    nobody = [
        replace(seen(number, ALICE), owner=None, refusal="too_many:user_id", source=number % 2)
        for number in range(1, 9)
    ]
    record(graph_store, *nobody, replace(seen(9, BOB), source=1))
    graph_store.set_aside([nobody[6].id], epoch=EPOCH, aside=True)
    found = graph_store.unowned(1, before=None, limit=2)
    assert [(one.number, one.refusal) for one in found] == [
        (5, "too_many:user_id"),
        (3, "too_many:user_id"),
    ]
    assert [one.number for one in graph_store.unowned(1, before=3, limit=2)] == [1]
    assert graph_store.unowned(7, before=None, limit=2) == []


def test_a_scan_goes_through_touchpoints_in_the_order_of_their_numbers(graph_store):
    batch = [seen(number, ALICE if number % 2 else BOB) for number in range(1, 8)]
    record(graph_store, *batch)
    graph_store.set_aside([batch[3].id], epoch=EPOCH, aside=True)
    kept = [each for each in batch if each is not batch[3]]
    assert graph_store.scan(after=0, limit=99) == kept
    assert graph_store.scan(after=2, limit=2) == [batch[2], batch[4]]
    assert graph_store.scan(after=7, limit=5) == []


def test_data_that_cannot_be_stored_is_refused_and_changes_nothing(graph_store):
    bad = seen(2, ALICE, PHONE, properties={"name": "\ud800"})
    with pytest.raises(StoreRefuses):
        record(graph_store, seen(1, BOB), bad)
    assert graph_store.neighbourhoods([ALICE, BOB]) == []


BAD = {  # an identifier with a NUL is refused before it comes here
    "an identifier longer than an index row": lambda: seen(
        2, PHONE, Identifier("user_id", secrets.token_hex(8_000))
    ),
    "a property with a NUL": lambda: seen(2, PHONE, properties={"name": "a\0b"}),
    "an event with a NUL": lambda: replace(seen(2, PHONE), event="a\0b"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_one_store_cannot_keep_is_refused_by_it_alone(graph_store, case):
    """Stores differ in what they keep; none takes it for an outage, and what came with it can be stored without it."""
    bad = BAD[case]()
    try:
        record(graph_store, seen(1, BOB), bad)
    except StoreRefuses as refusal:
        told = faults.said(refusal) + faults.traced(refusal)
        longest = max((each.value for each in bad.identifiers), key=len)
        assert longest[:20] not in told
        assert graph_store.neighbourhoods([BOB, PHONE]) == []
        record(graph_store, seen(1, BOB))
    else:
        [kept] = graph_store.timeline([bad.owner], before=None, limit=10)
        assert (kept.event, kept.properties) == (bad.event, bad.properties)
    assert members(graph_store.neighbourhoods([BOB])) == {frozenset({BOB})}


# --- Any stream ---------------------------------------------------------------------------------------------------------


def expected_graph(stream):
    nodes, links = graph(stream, SMALL)
    found = neighbourhoods(nodes, links, SMALL)
    return shape(each for each in found if each.nodes[0].identifier.namespace != "household_id")


def without_hubs_alone(found):
    """Leave out hubs that come by themselves: whether one does depends on how a walk is cut."""
    return {each for each in found if not all(node.quarantined for node in each[0])}


@each_example
@given(stream=events(most=30))
def test_neighbourhoods_are_connected_components(graph_store, stream):
    """Compared with networkx, on the evidence itself; a hub conducts nothing, a household is nobody's neighbour."""
    with undone():
        record(graph_store, *touchpoints(stream, SMALL))
        found = [each for block in graph_store.walk(size=4) for each in block]
    hubs = {node.identifier for each in found for node in each.nodes if node.quarantined}
    evidence = networkx.Graph()
    for one in touchpoints(stream, SMALL):
        kept = [each for each in one.identifiers if not SMALL.is_household(each)]
        if not one.refusal:
            evidence.add_nodes_from(kept)
            evidence.add_edges_from(combinations(kept, 2))
    evidence.remove_nodes_from(hubs)
    inner = {part - hubs for part in members(found)} - {frozenset()}
    assert inner == {frozenset(part) for part in networkx.connected_components(evidence)}


@each_example
@given(data=st.data(), stream=events())
def test_the_graph_is_the_sum_of_the_evidence_however_it_arrived(graph_store, data, stream):
    order = data.draw(st.permutations(touchpoints(stream, SMALL)))
    cuts = data.draw(st.integers(1, 6))
    with undone():
        for start in range(0, len(order), cuts):
            record(graph_store, *order[start : start + cuts])
        assert without_hubs_alone(everything(graph_store)) == without_hubs_alone(
            expected_graph(stream)
        )


# --- Another policy -----------------------------------------------------------------------------------------------------


def under(version: int, **changed) -> Policy:
    rows = {name: replace(SMALL[name], hub=hub) for name, hub in changed.items()}
    return Policy({**SMALL.namespaces, **rows}, version=version)


def people(*numbers: int) -> list[Identifier]:
    return [Identifier("loyalty_id", f"p{number}") for number in numbers]


def turned(store, size: int = 2):
    """Let the store look at everything again; return what may have changed."""
    found, after, looked = [], "", 0
    while True:
        step = store.turn(after=after, limit=size, epoch=EPOCH)
        found += step.around
        looked += step.looked
        if step.after is None:
            return store.neighbourhoods(found), looked
        after = step.after


def test_a_lower_threshold_turns_who_is_above_it_and_a_higher_one_turns_back(graph_store):
    around = people(1, 2, 3)
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(around, 1)))
    record(graph_store, seen(9, ALICE), seen(10, ALICE, HOME))
    assert turned(graph_store) == ([], 5)
    assert graph_store.hubs(after="", limit=9) == []
    graph_store.go_by(under(2, email=2))
    found, _ = turned(graph_store)
    assert members(found) == {frozenset({MAIL, each}) for each in around}
    assert graph_store.hubs(after="", limit=9) == [(MAIL, 3)]
    again, _ = turned(graph_store)
    assert members(again) == members(found)
    graph_store.go_by(under(3, email=3))
    found, _ = turned(graph_store)
    assert members(found) == {frozenset({MAIL, *around})}
    assert graph_store.hubs(after="", limit=9) == []


def test_a_value_that_was_blocked_later_is_a_hub(graph_store):
    record(graph_store, seen(1, ALICE, PHONE), seen(2, BOB, TABLET))
    blocked = frozenset({"phone"})
    graph_store.go_by(Policy(SMALL.namespaces, blocked_values=blocked, version=2))
    found, _ = turned(graph_store)
    assert members(found) == {frozenset({ALICE, PHONE})}
    assert [each for each, _ in graph_store.hubs(after="", limit=9)] == [PHONE]


def test_only_the_present_lane_looks_again(graph_store):
    with pytest.raises(LaneSuperseded):
        graph_store.turn(after="", limit=5, epoch=EPOCH - 1)


def test_a_walk_with_hubs_taken_for_none(graph_store):
    around = people(1, 2, 3, 4)
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(around, 1)))
    record(graph_store, seen(9, around[0], PHONE))
    assert graph_store.hubs(after="", limit=9) == [(MAIL, 4)]
    found, after = [], ""
    while (block := graph_store.block(after=after, size=2, released=[MAIL])) is not None:
        found += block.neighbourhoods
        after = block.after
    [whole] = found
    assert {node.identifier for node in whole.nodes} == {MAIL, PHONE, *around}
    assert not any(node.quarantined for node in whole.nodes)
    assert {node.degree for node in whole.nodes if node.identifier == MAIL} == {4}
    assert len(whole.links) == 5
