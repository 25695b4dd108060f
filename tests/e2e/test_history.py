"""The whole data set, through the product: its own answer to the cent, and history that moves nobody."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.showing import Show, show

pytestmark = pytest.mark.process

ORDERS = 155_848
# Every touchpoint of an order, with the number under which the inbox took it in.
NUMBERS = """
from identity import graph
numbers, last = [], 0
while block := graph.store().scan(after=last, limit=5_000):
    numbers += [each.number for each in block if each.event == "Order Completed"]
    last = block[-1].number
print(len(numbers), len(set(numbers)), min(numbers))
"""
MOVED = """
from activation.deliveries.models import Delivery
from activation.pressure.models import Intent
from journeys.enrolments.models import Enrolment
print(*(model.objects.count() for model in (Delivery, Intent, Enrolment)))
"""
LIVE = "from journeys.publishing.models import Journey; print(Journey.objects.filter(state='live').count())"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Show]:
    with show(tmp_path) as made:
        yield made


def test_everything_goes_in_through_the_inbox_and_the_product_answers_to_the_cent(
    demo: Show,
) -> None:
    demo.open()
    demo.until_open(seconds=1_200)
    totals = demo.api(demo.state["api_key"], "GET", "profiles/totals").json()
    assert (totals["profiles"], totals["orders"]) == (2_469, ORDERS)
    assert totals["revenue"] == {"USD": "4596039.58"}
    assert totals["contacts"] == 6_589
    events = {one["event"]: one["count"] for one in totals["events"]}
    assert events["Coupon Redeemed"] == 2_102

    orders, numbers, least = map(int, demo.shell(NUMBERS).split())
    assert (orders, numbers) == (ORDERS, ORDERS)
    assert least > 0
    # The journeys were live before the first touchpoint came, one of them for orders.
    assert demo.shell(LIVE).split() == ["2"]
    assert demo.said().index("Making audiences") < demo.said().index("Importing")
    assert demo.shell(MOVED).split() == ["0", "0", "0"]
    assert not list((demo.data / "demo" / "mail").glob("*.eml"))
