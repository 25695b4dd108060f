"""Erasing people from every graph store: what is found of them, what is deleted, and what others keep."""

import pytest

from identity.graph.contents import Part
from identity.graph.types import Decision, Verdict
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL, Event, touchpoint

ALICE, BOB, COOKIE, TABLET, MAIL, HOME = map(
    Identifier.of,
    (
        *("user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t"),
        *("email:m", "household_id:h"),
    ),
)
BAD = 2  # the source that is forgotten


def seen(number: int, *identifiers: Identifier, source: int = 1):
    return touchpoint(Event(number * 10, identifiers, source, number=number), SMALL)


def record(store, *batch):
    store.record(batch, epoch=EPOCH, contested=())


def forget_source(store):
    after = 0
    while (swept := store.forget_source(BAD, after=after, limit=9, epoch=EPOCH)).after:
        after = swept.after


def found(store, *identifiers: Identifier) -> list[int]:
    return [each.number for each in store.carrying(identifiers, limit=9)]


def stored(store) -> set[int]:
    pages = store.contents().pages(Part.TOUCHPOINTS, size=9)
    return {row.number for page in pages for row in page.rows}


def remove(store, *identifiers: Identifier, limit: int = 1) -> list[tuple[Identifier, Identifier]]:
    """Delete identifiers as an erasure does, each part twice; return the pairs that were linked."""
    found = []
    for _ in range(2):
        assert set(store.silence(identifiers, epoch=EPOCH)) == set(identifiers)
    while pairs := store.linked(identifiers, limit=limit):
        assert len(pairs) <= limit
        found += pairs
        for _ in range(2):
            around = {each for pair in pairs for each in pair} - set(identifiers)
            store.unlink(pairs, around, epoch=EPOCH)
    for _ in range(2):
        assert store.drop(identifiers, [], epoch=EPOCH) == []
    return sorted(found)


@pytest.fixture
def lived(graph_store):
    """Return a store in which two people lived: of each, something is plain, set aside, of a forgotten source, and both."""
    batch = [
        seen(1, ALICE, COOKIE),
        seen(2, ALICE),
        seen(3, ALICE, COOKIE, source=BAD),
        seen(4, ALICE, COOKIE, source=BAD),
        seen(5, BOB, TABLET),
        seen(6, BOB, COOKIE),
        seen(7, BOB),
        seen(8, BOB, source=BAD),
    ]
    record(graph_store, *batch)
    graph_store.set_aside([batch[n].id for n in (1, 3, 6, 7)], epoch=EPOCH, aside=True)
    forget_source(graph_store)
    return graph_store


def test_what_they_own_is_found_whatever_became_of_it(lived):
    assert found(lived, ALICE) == [1, 2, 3, 4]
    assert found(lived, BOB) == [5, 6, 7, 8]
    assert found(lived, COOKIE) == [1, 6]


def test_it_is_found_page_by_page(lived):
    pages = [
        [each.number for each in lived.carrying([ALICE, COOKIE], after=after, limit=2)]
        for after in (0, 2, 4, 6)
    ]
    assert pages == [[1, 2], [3, 4], [6], []]


def test_what_comes_back_is_found_still(lived):
    ids = [each.id for each in lived.carrying([ALICE], limit=9)]
    lived.set_aside(ids, epoch=EPOCH, aside=False)
    assert found(lived, ALICE) == [1, 2, 3, 4]
    lived.set_aside(ids, epoch=EPOCH, aside=True)
    assert found(lived, ALICE) == [1, 2, 3, 4]


def test_what_is_copied_is_found_in_the_copy(lived):
    contents = lived.contents()
    mark = contents.mark()
    rows = {
        part: [row for page in contents.pages(part, size=3) for row in page.rows] for part in Part
    }
    contents.clear()
    for part in Part:
        contents.load(part, rows[part])
    contents.adopt(mark)
    assert found(lived, ALICE) == [1, 2, 3, 4]


def test_erasing_deletes_what_they_own_and_takes_them_out_of_the_rest(lived):
    for _ in range(2):  # the second time it finds nothing
        ids = [each.id for each in lived.carrying([ALICE, COOKIE], limit=9)]
        lived.erase(ids, [ALICE, COOKIE], epoch=EPOCH)
    assert stored(lived) == {5, 6, 7, 8}
    [left] = [each for each in lived.carrying([BOB], limit=9) if each.number == 6]
    assert left.identifiers == (BOB,)
    assert remove(lived, ALICE, COOKIE) == [(COOKIE, ALICE), (COOKIE, BOB)]
    assert lived.neighbourhoods([ALICE, COOKIE]) == []
    left = [link for each in lived.neighbourhoods([BOB]) for link in each.links]
    assert [(link.a, link.b) for link in left] == [(TABLET, BOB)]


@pytest.mark.parametrize("left", [5, 6, 7, 8])
def test_another_stays_while_anything_is_theirs(lived, left):
    """Be it plain, set aside, or of a source that was forgotten."""
    going = [each for each in lived.carrying([BOB], limit=9) if each.number != left]
    lived.erase([each.id for each in going], [BOB], epoch=EPOCH)
    gone = [] if left == 5 else [TABLET]
    assert lived.unnamed([BOB, TABLET]) == gone
    assert lived.drop([], [BOB, TABLET], epoch=EPOCH) == gone
    assert found(lived, BOB) == [left]


def test_who_is_silenced_leads_nowhere_and_has_links_still(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, COOKIE, TABLET))
    assert graph_store.silence([COOKIE, BOB], epoch=EPOCH) == [COOKIE]
    assert [len(each.nodes) for each in graph_store.neighbourhoods([ALICE, TABLET])] == [1, 1]
    assert graph_store.linked([COOKIE], limit=9) == [(COOKIE, TABLET), (COOKIE, ALICE)]


def test_a_hub_that_loses_somebody_is_none_any_more(graph_store):
    people = [Identifier("loyalty_id", str(number)) for number in range(4)]  # a hub beyond 3
    record(graph_store, *(seen(n, MAIL, each) for n, each in enumerate(people, 1)))
    ids = [each.id for each in graph_store.carrying(people[:1], limit=9)]
    graph_store.erase(ids, people[:1], epoch=EPOCH)
    assert remove(graph_store, people[0]) == [(MAIL, people[0])]
    [left] = graph_store.neighbourhoods([MAIL])
    assert {node.identifier for node in left.nodes} == {MAIL, *people[1:]}


def test_all_links_of_a_pair_go_with_what_was_decided(graph_store):
    record(graph_store, seen(1, ALICE, COOKIE), seen(2, ALICE, COOKIE, source=BAD))
    record(graph_store, seen(3, ALICE, HOME))
    never = Decision(ALICE, BOB, Verdict.NEVER, number=1, at=5)
    graph_store.decide({(never.a, never.b): [never]}, epoch=EPOCH)
    assert remove(graph_store, ALICE, limit=2) == sorted(
        tuple(sorted((ALICE, each))) for each in (BOB, COOKIE, HOME)
    )
    parts = (Part.LINKS, Part.IDENTIFIERS)
    assert not [
        row
        for part in parts
        for page in graph_store.contents().pages(part, size=9)
        for row in page.rows
        if "alice" in str(row)
    ]


def test_a_forgotten_one_is_erased(lived):
    after: str | None = ""
    while after is not None:
        after = lived.forget(ALICE, after=after, limit=1, epoch=EPOCH).after
    ids = [each.id for each in lived.carrying([ALICE], limit=9)]
    lived.erase(ids, [ALICE], epoch=EPOCH)
    remove(lived, ALICE)
    assert stored(lived) == {5, 6, 7, 8}
    record(lived, seen(20, ALICE, TABLET))
    [back] = lived.neighbourhoods([ALICE])
    assert {node.identifier for node in back.nodes} >= {ALICE, TABLET}, "somebody new"
