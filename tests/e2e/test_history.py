"""The data set, through the product: its own answer to the cent, and history that moves nobody. All of it in the long runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dmp_site.demo import dataset
from tests.showing import Show, show

pytestmark = pytest.mark.process

EVERYBODY, SOME = 2_500, 250  # numbers of households
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


def test_the_whole_data_set_is_what_its_authors_say_it_is() -> None:
    found = dataset.totals(EVERYBODY)
    assert (found.profiles, found.orders, found.revenue) == (2_469, 155_848, 459_603_958)
    assert (found.contacts, found.redemptions) == (6_589, 2_102)


@pytest.mark.parametrize("households", [SOME, pytest.param(EVERYBODY, marks=pytest.mark.soak)])
def test_everything_goes_in_through_the_inbox_and_the_product_answers_to_the_cent(
    demo: Show, households: int
) -> None:
    right = dataset.totals(households)
    demo.open(households)
    demo.until_open(seconds=1_200)
    totals = demo.api(demo.state["api_key"], "GET", "profiles/totals").json()
    assert (totals["profiles"], totals["orders"]) == (right.profiles, right.orders)
    assert totals["revenue"] == {"USD": f"{right.revenue / 100:.2f}"}
    assert totals["contacts"] == right.contacts
    events = {one["event"]: one["count"] for one in totals["events"]}
    assert events["Coupon Redeemed"] == right.redemptions

    orders, numbers, least = map(int, demo.shell(NUMBERS).split())
    assert (orders, numbers) == (right.orders, right.orders)
    assert least > 0
    # The journeys were live before the first touchpoint came, one of them for orders.
    assert demo.shell(LIVE).split() == ["2"]
    assert demo.said().index("Making audiences") < demo.said().index("Importing")
    assert demo.shell(MOVED).split() == ["0", "0", "0"]
    assert not list((demo.data / "demo" / "mail").glob("*.eml"))
