"""What a graph store holds, row by row: copied, cleared and added up, the same on every kind of store."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from identity.graph.contents import (
    Contents,
    Digest,
    Mark,
    Part,
    StoredIdentifier,
    StoredLink,
    StoredTouchpoint,
    add_up,
)
from identity.graph.models import GraphIdentifier, GraphLink, GraphTouchpoint
from identity.graph.sql_columns import IDENTIFIER, LINK, TOUCHPOINT
from identity.graph.sql_store import SqlStore
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL, Event, events, touchpoint, touchpoints
from tests.soaking import examples
from tests.stores import undone

ALICE, MAIL, HOME = (
    Identifier("user_id", "alice"),
    Identifier("email", "m"),
    Identifier("household_id", "7"),
)


def seen(number: int, *identifiers: Identifier, **more):
    return touchpoint(Event(number * 10, identifiers, number=number), SMALL, **more)


def rows(contents: Contents, size: int = 2):
    return {
        part: [row for page in contents.pages(part, size=size) for row in page.rows]
        for part in Part
    }


def without_order(found):
    return {part: sorted(map(repr, each)) for part, each in found.items()}


@pytest.fixture
def filled(graph_store):
    """Return a store with a hub, a household, a touchpoint set aside, a refused one, and an identifier nobody vouches for."""
    batch = [
        seen(1, ALICE, MAIL, HOME),
        seen(2, ALICE, Identifier("anonymous_id", "c"), source=2),
        *(seen(10 + n, MAIL, Identifier("loyalty_id", str(n))) for n in range(4)),
        seen(20, ALICE, Identifier("anonymous_id", "gone")),
        seen(21, ALICE, Identifier("user_id", "bob"), traits={"name": "é\u0007"}),
    ]
    graph_store.record(batch, epoch=EPOCH, contested=())
    graph_store.set_aside([batch[-2].id], epoch=EPOCH, aside=True)
    return graph_store


def test_every_row_comes_once_whatever_the_size_of_a_page(filled):
    contents = filled.contents()
    found = rows(contents)
    assert [len(found[part]) for part in Part] == [9, 8, 8]
    assert [row.number for row in found[Part.TOUCHPOINTS]] == [1, 2, 10, 11, 12, 13, 20, 21]
    assert [row.number for row in found[Part.TOUCHPOINTS] if row.aside] == [20]
    by_key = {row.key: row for row in found[Part.IDENTIFIERS]}
    assert by_key["email:m"].quarantined
    assert by_key["anonymous_id:gone"].first_number is None
    assert {row.conducts for row in found[Part.LINKS]} == {True, False}
    assert without_order(rows(contents, 100)) == without_order(found)


def test_loaded_again_it_is_the_same_store(filled):
    contents, timeline = filled.contents(), filled.timeline([ALICE], before=None, limit=9)
    before, sums = rows(contents), add_up(contents, size=3)
    people = [each for block in filled.walk(size=3) for each in block]
    mark = contents.mark()
    contents.clear()
    assert not contents.holds()
    assert contents.mark() is None
    contents.prepare()
    for _ in range(2):  # the second time changes nothing
        for part in Part:
            contents.load(part, before[part][:3])
            contents.load(part, before[part])
    contents.adopt(mark)
    assert contents.mark() == mark
    assert without_order(rows(contents)) == without_order(before)
    assert str(add_up(contents).digest) == str(sums.digest)
    assert filled.timeline([ALICE], before=None, limit=9) == timeline
    assert filled.unowned(1, before=None, limit=9)
    again = [each for block in filled.walk(size=3) for each in block]
    assert {frozenset(each.nodes) for each in again} == {frozenset(each.nodes) for each in people}
    filled.set_aside([before[Part.TOUCHPOINTS][6].id], epoch=EPOCH, aside=False)
    [found] = filled.neighbourhoods([Identifier("anonymous_id", "gone")])
    assert len(found.links) == 3


def test_an_adopted_mark_replaces_the_one_that_is_there(graph_store):
    mark = Mark(uuid4(), 41)
    graph_store.contents().adopt(mark)
    assert graph_store.uuid() == mark.uuid
    graph_store.raise_epoch(41)
    assert graph_store.contents().mark() == mark


def test_a_mark_alone_is_something_too(graph_store):
    contents = graph_store.contents()
    assert contents.holds()
    contents.clear()
    assert not contents.holds()


def test_another_count_is_another_digest(filled):
    before = add_up(filled.contents())
    filled.record([seen(30, ALICE, MAIL)], epoch=EPOCH, contested=())
    after = add_up(filled.contents())
    assert after.counts == {**before.counts, Part.TOUCHPOINTS: 9}
    assert str(after.digest) != str(before.digest)
    assert after.differing(before) == [Part.TOUCHPOINTS, Part.LINKS]


def test_a_digest_does_not_depend_on_the_order():
    one, two = Digest(), Digest()
    one.add("a", 1)
    one.add("b", 2)
    two.add("b", 2)
    two.add("a", 1)
    assert str(one) == str(two) != str(Digest())


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(20),
)
@given(stream=events())
def test_each_kind_of_store_adds_up_to_the_same(graph_store, stream):
    """The second store is the one on SQL: beside Neo4j it is another, on SQL the same that is emptied first."""
    batch = touchpoints(stream, SMALL)
    with undone():
        for start in range(0, len(batch), 3):
            graph_store.record(batch[start : start + 3], epoch=EPOCH, contested=())
        graph_store.set_aside([batch[-1].id], epoch=EPOCH, aside=True)
        here, found = add_up(graph_store.contents()), rows(graph_store.contents())
        other = SqlStore(policy=SMALL)
        other.contents().clear()
        other.raise_epoch(EPOCH)
        for start in range(0, len(batch), 5):
            other.record(batch[start : start + 5], epoch=EPOCH, contested=())
        other.set_aside([batch[-1].id], epoch=EPOCH, aside=True)
        assert without_order(rows(other.contents())) == without_order(found)
        assert str(add_up(other.contents()).digest) == str(here.digest)


def test_no_column_of_the_tables_is_forgotten():
    """Recording and copying write what is named in one place, which has to be everything."""
    references = {
        GraphIdentifier: ({"id"}, IDENTIFIER),
        GraphTouchpoint: ({"owner", "vouches"}, TOUCHPOINT),
        GraphLink: ({"id", "a", "b"}, LINK),
    }
    for model, (refers, columns) in references.items():
        assert {field.column for field in model._meta.local_fields} == refers | set(columns)
    for columns, row in ((IDENTIFIER, StoredIdentifier), (TOUCHPOINT, StoredTouchpoint)):
        assert len(columns) == len(row._fields)
    assert len(LINK) + 2 == len(StoredLink._fields)
