"""Erasing people from every graph store: what is found of them, what is deleted, and what others keep."""

import pytest

from identity.graph.contents import Part
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL, Event, touchpoint

ALICE, BOB, COOKIE, TABLET = map(
    Identifier.of, ("user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t")
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
    assert lived.drop([ALICE, COOKIE], [BOB], epoch=EPOCH) == []
    assert lived.neighbourhoods([ALICE, COOKIE]) == []


@pytest.mark.parametrize("left", [5, 6, 7, 8])
def test_another_stays_while_anything_is_theirs(lived, left):
    """Be it plain, set aside, or of a source that was forgotten."""
    going = [each for each in lived.carrying([BOB], limit=9) if each.number != left]
    lived.erase([each.id for each in going], [BOB], epoch=EPOCH)
    assert lived.drop([], [BOB, TABLET], epoch=EPOCH) == ([] if left == 5 else [TABLET])
    assert found(lived, BOB) == [left]


def test_a_forgotten_one_is_erased(lived):
    after: str | None = ""
    while after is not None:
        after = lived.forget(ALICE, after=after, limit=1, epoch=EPOCH).after
    ids = [each.id for each in lived.carrying([ALICE], limit=9)]
    lived.erase(ids, [ALICE], epoch=EPOCH)
    lived.drop([ALICE], [], epoch=EPOCH)
    assert stored(lived) == {5, 6, 7, 8}
    record(lived, seen(20, ALICE, TABLET))
    [back] = lived.neighbourhoods([ALICE])
    assert {node.identifier for node in back.nodes} >= {ALICE, TABLET}, "somebody new"
