"""Adding up again what touchpoints say: what a store holds otherwise is found, and mended, on every kind of store."""

from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.graph.contents import Part, add_up
from identity.graph.port import LaneSuperseded
from identity.graph.tally import DoubtfulLink, How, LostNode, Tally
from identity.graph.types import Decision, Doubts, Verdict
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import (
    SMALL,
    Event,
    decisions,
    events,
    standing,
    touchpoint,
)
from tests.identity.graph.tampering import (
    change_link,
    change_node,
    lose_link,
    lose_node,
    make_link,
)
from tests.soaking import examples
from tests.stores import undone

ALICE, BOB, COOKIE, TABLET, MAIL, HOME = map(
    Identifier.of,
    (
        *("user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t"),
        *("email:m", "household_id:h"),
    ),
)
CARDS = [Identifier("loyalty_id", f"p{number}") for number in range(4)]
BAD = 2  # the source that is forgotten

each_example = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(150, soak=2_000),
)


def seen(number: int, *identifiers: Identifier, source: int = 1, **more):
    return touchpoint(Event(number * 10, identifiers, source, number=number), SMALL, **more)


def record(store, *batch):
    store.record(batch, epoch=EPOCH, contested=())


def forget_source(store, limit: int = 9):
    after = 0
    while (swept := store.forget_source(BAD, after=after, limit=limit, epoch=EPOCH)).after:
        after = swept.after


def forget(store, identifier: Identifier, limit: int = 9):
    after: str | None = ""
    while after is not None:
        after = store.forget(identifier, after=after, limit=limit, epoch=EPOCH).after


def doubtful(
    store, *, busy=(), ending=(), size: int = 2
) -> tuple[list[DoubtfulLink], list[Identifier]]:
    """Add everything up and return what may be wrong."""
    with closing(Tally(SMALL)) as tally:
        add_up(store.contents(), size=size, show=tally.show)
        tally.leave_out([each.key for each in busy], ending)
        return list(tally.links()), list(tally.nodes(hubs=True))


def doubts(store) -> Doubts:
    links, nodes = doubtful(store)
    return Doubts([each.link for each in links], nodes)


def digest(store) -> str:
    return str(add_up(store.contents()).digest)


@pytest.fixture
def lived(graph_store):
    """Return a store with a hub, a household, a guess, an alias, an unlinked pair; something set aside, refused and of a forgotten source; one forgotten."""
    batch = [
        seen(1, ALICE, COOKIE, HOME),
        seen(2, ALICE, COOKIE),
        seen(3, BOB, COOKIE, strength=0.7, source=3),
        *(seen(10 + number, MAIL, card) for number, card in enumerate(CARDS)),
        seen(20, BOB, TABLET),
        seen(21, ALICE, BOB),
        seen(22, ALICE, BOB, same=((ALICE, BOB),)),
        seen(30, TABLET, Identifier("crm_id", "x"), source=BAD),
        seen(31, Identifier("crm_id", "y"), TABLET),
        seen(32, Identifier("crm_id", "z"), COOKIE),
    ]
    record(graph_store, *batch)
    graph_store.set_aside([batch[7].id], epoch=EPOCH, aside=True)
    forget_source(graph_store)
    forget(graph_store, Identifier("crm_id", "y"))
    unlinked = Decision(COOKIE, Identifier("crm_id", "z"), Verdict.UNLINK, 1, at=1)
    graph_store.decide(standing([unlinked]), epoch=EPOCH)
    return graph_store


def test_what_the_lane_wrote_is_as_the_touchpoints_say(lived):
    assert doubtful(lived) == ([], [])


TAMPERED: dict[str, tuple[Callable[[], None], str]] = {
    "a link is lost": (partial(lose_link, COOKIE, ALICE), "lost"),
    "a link to a household is lost": (partial(lose_link, HOME, ALICE), "lost"),
    "a link that no touchpoint says": (partial(make_link, TABLET, ALICE, source=1), "stray"),
    "a link of another source": (partial(make_link, COOKIE, ALICE, source=7), "stray"),
    "miscounted": (partial(change_link, COOKIE, ALICE, count=9), "otherwise"),
    "seen later": (partial(change_link, COOKIE, ALICE, last_seen=9_999), "otherwise"),
    "seen earlier": (partial(change_link, COOKIE, ALICE, first_seen=1), "otherwise"),
    "surer": (partial(change_link, COOKIE, BOB, strength=1.0), "otherwise"),
    "no alias any more": (partial(change_link, ALICE, BOB, same=False), "otherwise"),
    "another first number": (partial(change_link, COOKIE, ALICE, first_number=2), "otherwise"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_link_that_is_otherwise_is_found_and_mended(lived, case):
    before = digest(lived)
    tamper, how = TAMPERED[case]
    tamper()
    after = digest(lived)
    assert after != before
    links, nodes = doubtful(lived)
    assert [each.how for each in links] == [how]
    assert nodes == []
    found = lived.miscounted(doubts(lived))
    assert found == Doubts([each.link for each in links], [])
    assert digest(lived) == after  # it only looked
    again = [lived.recount(found, epoch=EPOCH) for _ in range(2)]
    assert again[0] == again[1]
    assert set(again[0]) >= set(links[0].link[:2])
    assert digest(lived) == before
    assert doubtful(lived) == ([], [])


NODES: dict[str, Callable[[], None]] = {
    "first seen later": partial(change_node, ALICE, first_number=2),
    "seen by nobody": partial(change_node, ALICE, first_number=None),
    "a lower degree": partial(change_node, MAIL, degree=1),
    "a higher degree": partial(change_node, ALICE, degree=9),
}


@pytest.mark.parametrize("case", NODES)
def test_an_identifier_that_is_otherwise_is_found_and_mended(lived, case):
    before = digest(lived)
    NODES[case]()
    links, nodes = doubtful(lived)
    assert links == []
    assert len(nodes) == 1
    found = lived.miscounted(doubts(lived))
    assert found == Doubts([], nodes)
    assert nodes[0] in lived.recount(found, epoch=EPOCH)
    assert digest(lived) == before


def test_a_hub_that_is_stored_as_none_turns_and_those_around_it_are_named(lived):
    change_node(MAIL, quarantined=False)
    found = lived.miscounted(doubts(lived))
    assert found == Doubts([], [MAIL])
    again = [lived.recount(found, epoch=EPOCH) for _ in range(2)]
    assert again[0] == again[1]
    assert set(again[0]) == {MAIL, *CARDS}
    assert [each.identifier for each in lived.hubs(after="", limit=9)] == [MAIL]
    assert doubtful(lived) == ([], [])


def test_whom_no_touchpoint_vouches_for_is_kept_and_nobody_is_made(lived):
    nobody = Identifier("user_id", "nobody")
    change_node(Identifier("crm_id", "x"), first_number=5)
    assert doubts(lived) == Doubts([], [Identifier("crm_id", "x")])
    asked = Doubts([(COOKIE, nobody, 1)], [Identifier("crm_id", "x"), nobody])
    assert lived.miscounted(asked) == Doubts([], [Identifier("crm_id", "x")])
    lived.recount(asked, epoch=EPOCH)
    assert doubtful(lived) == ([], [])
    keys = {
        row.key for page in lived.contents().pages(Part.IDENTIFIERS, size=9) for row in page.rows
    }
    assert nobody.key not in keys


def test_a_lost_identifier_is_made_again_and_then_added_up(lived):
    before = digest(lived)
    lose_node(ALICE)
    with closing(Tally(SMALL)) as tally:
        add_up(lived.contents(), show=tally.show)
        assert list(tally.lost()) == [LostNode(ALICE, 1)]
        [page] = lived.contents().pages(Part.TOUCHPOINTS, size=100)
        numbers = tally.naming_lost(page.rows)
    assert numbers == [1, 2, 21, 22]
    for _ in range(2):
        lived.recarry(numbers, epoch=EPOCH)
    lived.recount(lived.miscounted(doubts(lived)), epoch=EPOCH)
    assert doubtful(lived) == ([], [])
    assert digest(lived) == before
    assert [each.number for each in lived.timeline([ALICE], before=None, limit=9)] == [22, 2, 1]


def test_what_came_between_two_readings_is_in_doubt_and_is_no_miscount(lived):
    with closing(Tally(SMALL)) as tally:
        for part in Part:
            for page in lived.contents().pages(part, size=100):
                tally.show(page.rows)
            if part is Part.TOUCHPOINTS:
                record(lived, seen(40, ALICE, COOKIE), seen(41, ALICE, TABLET))
        links = [each.link for each in tally.links()]
        nodes = list(tally.nodes(hubs=True))
    assert sorted(links) == sorted([(COOKIE, ALICE, 1), (TABLET, ALICE, 1)])
    assert lived.miscounted(Doubts(links, nodes)) == Doubts([], [])


def test_what_is_half_forgotten_is_in_no_doubt(graph_store):
    cookies = [Identifier("anonymous_id", f"c{number}") for number in range(4)]
    record(graph_store, *(seen(n, ALICE, each) for n, each in enumerate(cookies, 1)))
    graph_store.forget(ALICE, after="", limit=2, epoch=EPOCH)
    assert len(doubtful(graph_store)[1]) == 2
    assert doubtful(graph_store, busy=[ALICE]) == ([], [])
    record(graph_store, *(seen(10 + n, BOB, TABLET, source=BAD) for n in range(4)))
    graph_store.forget_source(BAD, after=9, limit=2, epoch=EPOCH)
    assert doubtful(graph_store, busy=[ALICE])[0] == [DoubtfulLink((TABLET, BOB, BAD), How.LOST)]
    assert doubtful(graph_store, busy=[ALICE], ending=[BAD]) == ([], [])


def test_only_the_present_lane_adds_up_again(lived):
    lived.raise_epoch(EPOCH + 1)
    with pytest.raises(LaneSuperseded):
        lived.recount(Doubts([], [ALICE]), epoch=EPOCH)


# --- Any stream ---------------------------------------------------------------------------------------------------------


def live(store, data: st.DataObject, stream: list[Event], made: list[Decision]) -> None:
    """Let all that the lane may do happen in any order."""
    known = sorted({each for event in stream for each in event.identifiers})
    aside = data.draw(st.lists(st.sampled_from(stream), max_size=3))
    gone = data.draw(st.lists(st.sampled_from(known), max_size=1))
    limit = data.draw(st.integers(1, 5))
    ends = [BAD] if data.draw(st.booleans()) else []
    every: list[Event | Decision | Identifier | int] = [*stream, *made, *aside, *gone, *ends]
    steps = data.draw(st.permutations(every))
    stands: dict = {}
    came: set[int] = set()
    ended = False
    for step in steps:
        if isinstance(step, Decision):
            stands.setdefault((step.a, step.b), []).append(step)
            store.decide({(step.a, step.b): stands[step.a, step.b]}, epoch=EPOCH)
        elif isinstance(step, Identifier):
            forget(store, step, limit)
        elif isinstance(step, int):
            forget_source(store, limit)
            ended = True
        elif step.number in came:  # set aside, or back again
            one = touchpoint(step, SMALL)
            store.set_aside([one.id], epoch=EPOCH, aside=data.draw(st.booleans()))
        elif not (ended and step.source == BAD):
            record(store, touchpoint(step, SMALL))
            came.add(step.number)


@each_example
@given(stream=events(), made=decisions(), data=st.data())
def test_a_store_holds_what_its_touchpoints_say_whatever_was_done(graph_store, stream, made, data):
    with undone():
        live(graph_store, data, stream, made)
        assert doubtful(graph_store) == ([], [])


@each_example
@given(stream=events(), made=decisions(), data=st.data())
def test_whatever_links_and_counts_are_lost_adding_up_again_brings_all_back(
    graph_store, stream, made, data
):
    with undone():
        live(graph_store, data, stream, made)
        before = digest(graph_store)
        pages = list(graph_store.contents().pages(Part.LINKS, size=100))
        found = [row for page in pages for row in page.rows if row.source > 0]
        for row in data.draw(st.lists(st.sampled_from(found), max_size=4)) if found else ():
            lose_link(Identifier.of(row.a), Identifier.of(row.b))
        for row in data.draw(st.lists(st.sampled_from(found), max_size=2)) if found else ():
            change_link(Identifier.of(row.a), Identifier.of(row.b), count=77, last_seen=1)
        wrong = graph_store.miscounted(doubts(graph_store))
        assert (digest(graph_store) == before) == (wrong == Doubts([], []))
        graph_store.recount(wrong, epoch=EPOCH)
        assert digest(graph_store) == before
        assert doubtful(graph_store) == ([], [])
