"""Whatever the lane does with people, the list of those whom the rules cannot decide says what all their rows say."""

from random import Random

import pytest

from identity.graph import documents, policies
from identity.models import Identifier
from identity.privacy import erasures
from identity.profiles import forgetting
from identity.profiles.policies import services
from identity.touchpoints import forgetting as sources
from identity.touchpoints.types import Identifier as Value
from tests.dmp_site.erasing.test_history import live
from tests.identity.profiles.test_undecided import listed, meant
from tests.road import Road

pytestmark = [pytest.mark.slow, pytest.mark.stores]


def same(road: Road) -> int:
    """Let the lane come to rest and compare; return how many there are."""
    road.run()
    policy = policies.current()
    assert listed(policy) == meant(policy)
    return len(meant(policy))


def some(random: Random) -> Value:
    keys = Identifier.objects.filter(forgotten=False).values_list("key", flat=True)
    return Value.of(random.choice(sorted(keys)))


def allow(road: Road, users: int) -> None:
    """Let a profile have as many user ids: with more than one, such an id decides nothing."""
    document = documents.write(policies.current())
    document["namespaces"]["user_id"]["max"] = users
    services.change(document, road.now, actor="tests")
    services.apply(road.now, actor="tests")


def test_it_says_what_all_rows_say(road: Road) -> None:
    found = 0
    for seed in range(4):
        random = Random(seed)
        live(road, random)
        found += same(road)
        forgetting.ask(some(random), actor="tests", now=road.now)
        found += same(road)
        erasures.ask(identifier=some(random), actor="tests", now=road.now)
        found += same(road)
        allow(road, 1 + (seed + 1) % 2)
        found += same(road)
    sources.ask(road.source.pk, actor="tests", now=road.now)
    same(road)
    assert found > 5
