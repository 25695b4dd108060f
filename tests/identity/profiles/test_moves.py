"""From evidence to moves: the same in whatever order a store returns it, and no dearer than there are links."""

import random

import pytest

from identity.graph.partition import Partition, RefusedLink
from identity.graph.policy import DEFAULT
from identity.graph.types import Link, Neighbourhood, Node
from identity.profiles.moves import MAX_EVIDENCE, Place, Target, Wanted, moves, wanted
from identity.touchpoints.types import Identifier

ALICE = Identifier("user_id", "alice")
BROWSER = Identifier("anonymous_id", "browser")
COOKIES = [Identifier("partner_x", f"{number:03}") for number in range(MAX_EVIDENCE + 5)]


def test_the_oldest_evidence_is_kept_in_whatever_order_it_comes() -> None:
    targets = {each: Target(ALICE, 1, contested=False) for each in (ALICE, BROWSER, *COOKIES)}
    places = {BROWSER: Place(7, BROWSER, 2, contested=False)}
    links = [Link(BROWSER, each, 1, at, at, 1) for at, each in enumerate(COOKIES)]
    refused = [RefusedLink(BROWSER, each, "max:user_id") for each in COOKIES]
    places |= {each: Place(7, BROWSER, 3, contested=False) for each in COOKIES}
    targets |= {each: Target(each, 3, contested=False) for each in COOKIES[1::2]}
    told = []
    for seed in range(5):
        random.Random(seed).shuffle(links)
        random.Random(seed).shuffle(refused)
        found = moves(Wanted(targets, links, refused), places)
        told.append({each.founder: (each.joined, each.refused) for each in found})
    assert told[1:] == told[:-1]


def test_refused_links_are_looked_through_once_however_many_profiles_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Strangers on one browser: as many refused links as profiles."""
    people = [Identifier("user_id", str(number)) for number in range(50)]
    nodes = [Node(each, number) for number, each in enumerate([BROWSER, *people], 1)]
    links = [Link(BROWSER, each, 1, at, at, 1) for at, each in enumerate(people)]
    looks, real = [], Partition.contested

    def look(parts: Partition) -> bool:
        looks.append(len(parts.refused))
        return bool(real.__get__(parts))

    monkeypatch.setattr(Partition, "contested", property(look))
    found = wanted([Neighbourhood(tuple(nodes), tuple(links))], DEFAULT)
    assert len({each.founder for each in found.targets.values()}) == len(people)
    assert all(each.contested for each in found.targets.values())
    assert looks == [len(people) - 1]
