"""What comes out does not depend on the order in which touchpoints were processed, nor on how they were cut into batches."""

from typing import Any

from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from identity.clock import DAY, MINUTE
from journeys.enrolments.models import Enrolment
from tests.journeys import documents, world
from tests.journeys.world import START, arrival, batch, person
from tests.soaking import examples

NOW = START + 30 * MINUTE
KEYS = ("user_id:alice", "anonymous_id:a1")

happenings = st.lists(
    st.tuples(
        st.sampled_from(["Order Completed", "page", "Unsubscribed"]),
        st.integers(-10, 29),
        st.sampled_from(KEYS),
        st.sampled_from(["c1", "c2"]),
    ),
    max_size=6,
)


def run(order: list[int], cuts: set[int], happened: list[tuple[str, int, str, str]]) -> Any:
    """Process a basket and the rest in this order, cut into batches.

    Return what was sent, whether the run is over and whether it reached its goal. Which of several orders is named as the reason
    is decided by the first that is seen.
    """
    basket = arrival(KEYS[0], "Cart Viewed", START, cart_id="c1")
    arrivals = [basket] + [
        arrival(key, event, START + minute * MINUTE, cart_id=cart)
        for event, minute, key, cart in happened
    ]
    waiting = []
    for position, index in enumerate(order):
        waiting.append(arrivals[index])
        if position in cuts:
            batch(NOW, *waiting)
            waiting = []
    if waiting:
        batch(NOW, *waiting)
    requests = [request.node for request in world.wake(START + DAY).requests]
    runs = Enrolment.objects.values_list("state", "converted_at")
    return requests, [(state, converted is not None) for state, converted in runs]


class Order(TestCase):
    @given(st.data(), happenings)
    @settings(max_examples=examples(40), deadline=None)
    def test_any_order_and_any_cut_give_the_same(
        self, data: st.DataObject, happened: list[tuple[str, int, str, str]]
    ) -> None:
        exits = [{"on": "touchpoint", "match": {"event": "Unsubscribed"}}]
        goal = {"match": {"event": "Order Completed", "key": "cart_id"}, "ends": False}
        straight = list(range(len(happened) + 1))
        outcomes = []
        for order in (straight, data.draw(st.permutations(straight))):
            cuts = data.draw(st.sets(st.sampled_from(straight)))
            with transaction.atomic():
                person(*KEYS)
                world.published(documents.abandoned_cart(exits=exits, goal=goal))
                outcomes.append(run(order, cuts, happened))
                transaction.set_rollback(True)
        assert outcomes[0] == outcomes[1]
