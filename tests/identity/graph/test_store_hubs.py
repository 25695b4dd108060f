"""What is around a hub: the newest of its links, for people who look at it. Run on each store."""

import pytest

from identity.graph.partition import partition
from identity.touchpoints.types import Identifier
from tests.identity.graph.conftest import EPOCH
from tests.identity.graph.evidence import SMALL
from tests.identity.graph.test_store_contract import HOME, MAIL, OTHER_MAIL, TABLET, record, seen

pytestmark = [pytest.mark.django_db, pytest.mark.stores]

PEOPLE = [Identifier("user_id", f"user-{n}") for n in range(6)]


def crowd(store, *identifiers):
    """Let the address be seen with each of these, one after the other."""
    record(store, *(seen(n + 1, each, MAIL) for n, each in enumerate(identifiers)))


def ends(found):
    return {link.a if link.b == MAIL else link.b for link in found.links}


def test_the_newest_links_of_a_hub_and_who_is_at_their_other_ends(graph_store):
    crowd(graph_store, *PEOPLE)
    [alone] = graph_store.neighbourhoods([MAIL])
    assert alone.links == ()
    found = graph_store.around(MAIL, limit=2)
    assert ends(found) == {*PEOPLE[-2:]}
    assert [link.last_seen for link in found.links] == [60, 50]
    assert {(node.identifier, node.quarantined) for node in found.nodes} == {
        (MAIL, True),
        (PEOPLE[-1], False),
        (PEOPLE[-2], False),
    }
    [hub] = [node for node in found.nodes if node.quarantined]
    assert hub.degree == 6
    assert {link.reason for link in partition(found, SMALL).refused} == {"hub:email"}


def test_links_either_way_round_of_every_source_and_none_of_a_household(graph_store):
    """Keys sort before and after the hub's; an address and a tablet are ends like any other."""
    record(graph_store, *(seen(n + 1, each, MAIL) for n, each in enumerate(PEOPLE[:4])))
    record(
        graph_store,
        seen(5, TABLET, MAIL),
        seen(6, MAIL, OTHER_MAIL),
        seen(7, PEOPLE[0], MAIL, source=2),
        seen(8, MAIL, HOME),
    )
    found = graph_store.around(MAIL, limit=50)
    assert ends(found) == {*PEOPLE[:4], TABLET, OTHER_MAIL}
    assert [link.source for link in found.links].count(2) == 1
    assert len(found.links) == 7


def test_two_hubs_that_were_seen_together(graph_store):
    crowd(graph_store, *PEOPLE[:4])
    record(graph_store, *(seen(n + 11, each, OTHER_MAIL) for n, each in enumerate(PEOPLE[:4])))
    record(graph_store, seen(20, MAIL, OTHER_MAIL))
    found = graph_store.around(MAIL, limit=1)
    assert {(node.identifier, node.quarantined) for node in found.nodes} == {
        (MAIL, True),
        (OTHER_MAIL, True),
    }


def test_who_no_touchpoint_vouches_for_any_more_takes_no_place(graph_store):
    crowd(graph_store, *PEOPLE)
    last = seen(6, PEOPLE[5], MAIL)
    graph_store.set_aside([last.id], epoch=EPOCH, aside=True)
    assert ends(graph_store.around(MAIL, limit=1)) == {PEOPLE[4]}


def test_who_was_never_seen_has_nothing_around(graph_store):
    assert graph_store.around(MAIL, limit=5).nodes == ()
