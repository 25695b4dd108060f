"""The benchmark of who is who: its random people, its crowds, its store full of people, and all of it at small sizes."""

from collections import defaultdict

import pytest

from benchmarks import crowds, identity
from benchmarks.people import filling, parting, rebuilding
from benchmarks.people.crowds import SHAPES, Crowd
from benchmarks.people.families import families, neighbourhood
from benchmarks.plan import Plan
from identity.graph.models import GraphLink
from identity.graph.partition import partition
from identity.graph.policy import DEFAULT
from identity.profiles.models import Identifier
from tests.environment import STORES


def test_random_people_are_connected_and_some_links_are_refused():
    drawn = list(families(3_000))
    sizes = [len(family.links) for family in drawn]
    assert 3_000 <= sum(sizes) < 3_600
    assert min(sizes) >= 2
    assert max(sizes) >= 100
    parts = [
        partition(neighbourhood(each, range(len(each.identifiers))), DEFAULT) for each in drawn
    ]
    for family, found in zip(drawn, parts, strict=True):
        users = sum(each.namespace == "user_id" for each in family.identifiers)
        assert len(found.profiles) == users
        assert bool(found.refused) == (users > 1)


def test_the_partition_is_measured_on_both_kinds_of_neighbourhoods():
    found = parting.measure(3_000)
    assert found.alone + found.several >= 3_000
    assert min(found.alone_seconds, found.several_seconds, found.bare_seconds) > 0


@pytest.mark.parametrize(
    ("shape", "largest"),
    [("alone", 1), ("families", 10), ("devices", 10), ("apart", 100), ("together", 100)],
)
def test_chains_have_no_hub(shape: str, largest: int):
    around: dict[str, set[str]] = defaultdict(set)
    for number in range(100):
        event = SHAPES[shape](number)
        other = event.get("userId") or event["context"]["device"]["id"]
        around[event["anonymousId"]].add(other)
        around[other].add(event["anonymousId"])
    assert max(map(len, around.values())) <= 2
    assert _largest(around) == largest + 1


def _largest(around: dict[str, set[str]]) -> int:
    left, sizes = set(around), []
    while left:
        reached, behind = set(), {left.pop()}
        while behind:
            reached |= behind
            behind = {other for each in behind for other in around[each]} - reached
        left -= reached
        sizes.append(len(reached))
    return max(sizes)


def test_every_second_touchpoint_is_of_the_crowd():
    events = list(Crowd("hub", 1_001).touchpoints(1_001))
    assert len(events) == 1_001
    assert len({event["messageId"] for event in events}) == 1_001
    assert sum(event["anonymousId"] == "shared-browser" for event in events) == 500


@pytest.mark.django_db
@pytest.mark.skipif(STORES != "sqlite", reason="it fills tables of SQLite")
def test_a_store_is_filled_as_the_evidence_says():
    filling.fill(400)
    found = rebuilding.measure()
    assert GraphLink.objects.count() >= 400
    assert found.identifiers == Identifier.objects.count()
    assert found.neighbourhoods <= found.profiles < found.identifiers
    assert 0 < found.reading + found.partition <= found.seconds
    Identifier.objects.filter(namespace="email").delete()
    with pytest.raises(RuntimeError, match="stored otherwise"):
        rebuilding.measure()


@pytest.mark.soak
@pytest.mark.process
def test_who_is_who_is_measured_at_small_sizes():
    text = identity.section(Plan(quick=True))
    for figure in ("goal 500,000", "| scipy, in memory |", "| 2 resolve |", "(p99;"):
        assert figure in text


@pytest.mark.soak
@pytest.mark.process
def test_crowds_are_measured_at_small_sizes():
    text = crowds.section(Plan(quick=True))
    hub, apart, together = text.splitlines()[-3:]
    assert hub.startswith("| a browser on which everybody signs in |")
    assert hub.endswith("| yes |")
    assert apart.startswith("| people who share browsers in one chain")
    assert together.startswith("| browsers and devices in one chain |")
