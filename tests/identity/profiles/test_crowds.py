"""Crowds: neighbourhoods with too many links are marked, listed for a human, and marked no more when they shrink."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity.graph.models import Crowd
from identity.graph.neighbourhoods import neighbourhoods
from identity.profiles import crowds, models, undecided
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import SMALL, events, touchpoint
from tests.identity.graph.evidence import graph as added_up
from tests.identity.profiles.identities import Stages, cut, seen, uid_of
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db
MOST = 3  # links of a neighbourhood that is no crowd
each_example = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(60, soak=5_000),
)


@pytest.fixture(autouse=True)
def few_links(settings) -> None:
    settings.CROWD_LINKS = MOST


def link(number: int, chain: str = "c", start: int = 1):
    """Return the event that brings this link of a chain."""
    return seen(
        start + number, f"anonymous_id:{chain}{number}", f"anonymous_id:{chain}{number + 1}"
    )


def marks() -> dict[str, int]:
    return dict(models.Identifier.objects.filter(crowd__gt=0).values_list("key", "crowd"))


def sizes() -> list[tuple[int, int, int]]:
    return [(one.id, one.links, one.identifiers) for one in crowds.listed(0, 10)]


def test_a_neighbourhood_is_a_crowd_from_one_link_too_many_on():
    stages = Stages()
    stages.run(*(link(n) for n in range(MOST)), seen(9, "user_id:a", "anonymous_id:elsewhere"))
    assert marks() == {}
    assert not Crowd.objects.exists()
    stages.run(link(MOST, start=20), now=7_000)
    assert marks() == {f"anonymous_id:c{n}": 1 for n in range(MOST + 2)}
    [found] = crowds.listed(0, 10)
    assert (found.id, found.links, found.identifiers, found.found_at) == (1, 4, 5, 7_000)
    assert found.keys == tuple(f"anonymous_id:c{n}" for n in range(5))
    stages.run(link(4, start=20), now=8_000)
    [found] = crowds.listed(0, 10)
    assert (found.links, found.identifiers, found.found_at) == (5, 6, 7_000)


def test_two_crowds_that_join_are_one_and_come_apart_again():
    stages = Stages()
    stages.run(*(link(n, "c") for n in range(4)))
    stages.run(*(link(n, "d", start=50) for n in range(5)))
    assert sizes() == [(1, 4, 5), (50, 5, 6)]
    bridge = touchpoint(seen(90, "anonymous_id:c0", "anonymous_id:d0"), SMALL)
    stages.run(bridge)
    assert sizes() == [(1, 10, 11)]
    assert set(marks().values()) == {1}
    assert Crowd.objects.count() == 1
    stages.set_aside(bridge)
    assert sizes() == [(1, 4, 5), (50, 5, 6)]


def test_a_crowd_that_shrinks_is_none_any_more():
    stages = Stages()
    last = touchpoint(link(3), SMALL)
    stages.run(*(link(n) for n in range(3)), last)
    assert len(marks()) == 5
    stages.set_aside(last)
    assert marks() == {}
    assert not Crowd.objects.exists()


def test_a_hub_at_the_edge_belongs_to_no_crowd():
    """Else everybody on it would be of the crowd."""
    stages = Stages()
    stages.run(*(seen(n, "email:hub", f"user_id:{n}") for n in range(1, 9)))
    stages.run(*(link(n, start=20) for n in range(4)), seen(30, "anonymous_id:c0", "email:hub"))
    assert marks() == {f"anonymous_id:c{n}": 20 for n in range(5)}


def test_what_knows_no_crowd_pays_nothing_and_one_costs_two_statements(settings):
    def statements(stages: Stages, first: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            stages.run(*(link(n, f"x{first}-", start=first) for n in range(8)))
        return len(captured)

    stages = Stages()
    settings.CROWD_LINKS = 1_000
    without = statements(stages, 1)
    settings.CROWD_LINKS = MOST
    assert statements(stages, 100) <= without + 2


def test_crowds_come_first_on_the_list_for_a_human():
    stages = Stages()
    stages.run(
        seen(1, "anonymous_id:t", "loyalty_id:x"), seen(2, "anonymous_id:t", "loyalty_id:y")
    )
    stages.run(
        *(link(n, "c", start=10) for n in range(4)), *(link(n, "d", start=50) for n in range(4))
    )
    found: list[undecided.Undecided] = []
    page = undecided.undecided({"limit": "1"}, policy=SMALL)
    while True:
        found += page.results
        if page.next is None:
            break
        page = undecided.undecided({"limit": "1", "cursor": page.next}, policy=SMALL)
    assert [one.crowd and one.crowd.id for one in found] == [10, 50, None]
    assert found[0].uid == uid_of(Identifier.of("anonymous_id:c0"))


@each_example
@given(data=st.data(), stream=events())
def test_the_marks_do_not_depend_on_order_or_batches(data, stream):
    order = data.draw(st.permutations(stream))
    size = data.draw(st.integers(1, 6))
    with undone():
        stages = Stages()
        for batch in cut(order, size):
            stages.run(*batch)
        nodes, links = added_up(stream, SMALL)
        expected: dict[str, int] = {}
        told = []
        for each in neighbourhoods(nodes, links, SMALL):
            inner = [node for node in each.nodes if not node.quarantined]
            if len(each.links) > MOST:
                first = min(node.first_number for node in inner)
                expected |= {node.identifier.key: first for node in inner}
                told.append((first, len(each.links), len(inner)))
        assert marks() == expected
        assert sizes() == sorted(told)
        assert Crowd.objects.count() == len(told)
