"""What comes back: reactions are kept, deliveries and the ledger follow, machines move nothing."""

import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activation.deliveries.models import Delivery, Reaction
from activation.deliveries.queue import dispatch
from activation.deliveries.receipts import apply
from activation.pressure import ledger
from activation.pressure.models import LedgerRow
from identity.profiles.types import Arrival
from identity.touchpoints.types import Mode, Touchpoint
from tests.activation.deliveries.making import alice, delivery, request, template
from tests.activation.people import NOON, context

pytestmark = pytest.mark.django_db
numbers = itertools.count(1)


def arrival(event, key="1:send:1", **properties):
    number = next(numbers)
    touchpoint = Touchpoint(
        number=number,
        id=f"t{number}",
        source=1,
        mode=Mode.LIVE,
        type="track",
        event=event,
        at=NOON,
        received_at=NOON,
        identifiers=(),
        owner=None,
        properties=properties,
        context={"filrouge": {"delivery": key}} if key else {},
    )
    return Arrival(touchpoint, 1, 1)


@pytest.fixture
def sent():
    """Queue a message and mark it as sent."""
    owner = alice()
    dispatch([request(owner, template())], context())
    return become("sent")


def become(status):
    Delivery.objects.update(status=status)
    row = delivery()
    if status == "unknown":
        ledger.unknown([row.key], "test")
    elif status == "sent":
        ledger.commit({row.key: "<id>"})
    return row


def stands():
    return delivery().status, LedgerRow.objects.get().status


def test_a_click_is_kept_with_its_address(sent):
    apply([arrival("Email Link Clicked", url="https://shop.example/")], context())
    reaction = Reaction.objects.get(delivery=sent)
    assert (reaction.kind, reaction.url) == ("clicked", "https://shop.example/")
    assert stands() == ("sent", "committed")


@pytest.mark.parametrize("kind", ["proxy", "machine_suspected"])
def test_a_machines_open_is_kept_and_moves_nothing(sent, kind):
    become("unknown")
    before = list(LedgerRow.objects.values())
    apply([arrival("Email Opened", open_kind=kind)], context())
    assert Reaction.objects.get().open_kind == kind
    assert stands()[0] == "unknown"
    assert list(LedgerRow.objects.values()) == before


def test_a_scanned_link_moves_nothing(sent):
    become("unknown")
    apply([arrival("Message Link Scanned")], context())
    assert stands()[0] == "unknown"


@pytest.mark.parametrize(
    ("event", "properties"),
    [
        ("Email Opened", {"open_kind": "human"}),
        ("Email Link Clicked", {}),
        ("Unsubscribed", {}),
    ],
)
def test_what_a_person_does_settles_an_unknown_delivery(sent, event, properties):
    LedgerRow.objects.update(status="reserved")
    become("unknown")
    apply([arrival(event, **properties)], context())
    assert stands() == ("sent", "committed")


@pytest.mark.parametrize(
    ("before", "event", "properties", "after"),
    [
        ("sent", "Email Delivered", {}, ("delivered", "committed")),
        ("unknown", "Message Delivered", {}, ("delivered", "committed")),
        ("sent", "Email Bounced", {}, ("bounced", "committed")),
        ("unknown", "Email Bounced", {}, ("bounced", "released")),
        ("unknown", "Email Bounced", {"bounce_type": "Soft"}, ("unknown", "unknown")),
        ("unknown", "Message Failed", {}, ("failed", "released")),
        ("sent", "Email Marked as Spam", {}, ("complained", "committed")),
        ("cancelled", "Email Delivered", {}, ("cancelled", "reserved")),
        ("bounced", "Email Opened", {}, ("bounced", "reserved")),
    ],
)
def test_what_receipts_settle(sent, before, event, properties, after):
    LedgerRow.objects.update(status="reserved")
    become(before)
    apply([arrival(event, **properties)], context())
    assert stands() == after


def test_a_touchpoint_counts_once(sent):
    one = arrival("Email Link Clicked")
    apply([one, one], context())
    apply([one], context())
    assert Reaction.objects.count() == 1


def test_what_is_no_receipt_of_ours_is_left_alone(sent):
    apply(
        [
            arrival("Email Opened", key=""),
            arrival("Email Opened", key="9:other:1"),
            arrival("Order Completed"),
        ],
        context(),
    )
    assert not Reaction.objects.exists()


def test_the_number_of_statements_does_not_depend_on_the_batch(sent):
    def run(count):
        arrivals = [arrival("Email Link Clicked") for _ in range(count)]
        with CaptureQueriesContext(connection) as queries:
            apply(arrivals, context())
        return len(queries)

    assert run(2) == run(50)


def test_a_definite_failure_gives_an_acknowledged_contact_back(sent):
    assert stands() == ("sent", "committed")
    apply([arrival("Message Failed")], context())
    assert stands() == ("failed", "released")
