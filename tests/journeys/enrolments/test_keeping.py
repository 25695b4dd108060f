"""What is forgotten, and what is kept for who may still ask."""

import pytest

from identity.clock import DAY, HOUR
from journeys.enrolments import keeping, selectors, services
from journeys.enrolments.models import Enrolment, Sighting, Slot, Step
from journeys.publishing.models import JourneyVersion
from journeys.publishing.services import publish, save_draft
from tests.journeys import documents, world
from tests.journeys.documents import journey, leave, wait
from tests.journeys.world import START, arrival, batch, person

pytestmark = pytest.mark.django_db


def order(key: str, at: int) -> None:
    batch(at, arrival(key, "Order Completed", at))


def test_sightings_go_after_a_week_unless_somebody_is_inside() -> None:
    document = documents.abandoned_cart()
    document["nodes"]["order"]["config"]["timeout"] = "P30D"
    world.published(document)
    for name in ("inside", "outside"):
        person(f"user_id:{name}")
    batch(START, arrival("user_id:inside", "Cart Viewed", START, cart_id="c"))
    for name in ("inside", "outside"):
        order(f"user_id:{name}", START + 1)
        order(f"user_id:{name}", START + 8 * DAY)
    assert keeping.prune(START + 8 * DAY, 100) == 1
    left = Sighting.objects.order_by("number").values_list("owner__key", flat=True)
    assert list(left) == ["user_id:inside", "user_id:inside", "user_id:outside"]


def test_goals_that_were_missed_are_closed_and_old_slots_and_versions_let_go() -> None:
    nodes = {
        "in": documents.entry(),
        "s": {"type": "site_slot", "config": {"slot": "a", "content": {}, "lasts": "PT1H"}},
        "out": leave(),
    }
    goal = {"match": {"event": "Order Completed"}, "window": "P1D"}
    made = world.published(journey(nodes, "in s", "s out", goal=goal))
    person("user_id:alice")
    batch(START, arrival("user_id:alice", "Cart Viewed", START))
    save_draft(made.pk, journey(nodes, "in s", "s out"), actor="tests", now=START)
    publish(made.pk, actor="tests", now=START)
    assert keeping.prune(START + DAY + HOUR, 100) == 1  # the slot
    assert not Slot.objects.exists()
    assert keeping.prune(START + 9 * DAY, 100) == 2  # the goal, then the version
    assert Enrolment.objects.get().watching is False
    in_use = JourneyVersion.objects.order_by("number").values_list("in_use", flat=True)
    assert list(in_use) == [False, True]
    assert keeping.prune(START + 9 * DAY, 100) == 0


def test_erasing_leaves_nothing_of_the_person_and_everything_of_others() -> None:
    world.published(journey({"in": documents.entry(), "w": wait(), "o": leave()}, "in w", "w o"))
    alice, bob = person("user_id:alice"), person("user_id:bob")
    for name in ("alice", "bob"):
        batch(START, arrival(f"user_id:{name}", "Cart Viewed", START))
    owners = list(alice.identifiers.values_list("pk", flat=True))
    assert services.erase(owners) == {"steps": 2, "enrolments": 1, "slots": 0, "sightings": 0}
    assert services.erase(owners)["enrolments"] == 0
    assert Step.objects.count() == 2
    assert [run.node for run in selectors.of_profile(bob.pk)] == ["w"]
    assert not selectors.of_profile(alice.pk).exists()


def test_people_are_counted_per_version_and_node_and_shown_with_reasons() -> None:
    made = world.published(
        journey({"in": documents.entry(), "w": wait(), "o": leave()}, "in w", "w o")
    )
    alice = person("user_id:alice")
    batch(START, arrival("user_id:alice", "Cart Viewed", START))
    assert selectors.people_per_node(made.pk) == [
        {"number": 1, "node": "w", "people": 1, "suspended": 0}
    ]
    reasons = selectors.steps_of_profile(alice.pk).order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["entered by Cart Viewed", "waits"]
