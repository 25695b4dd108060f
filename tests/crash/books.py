"""What the campaign asks an installation for: a journey that mails, and its books at the end. Runs inside of it (`shell`)."""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, Sum

from activation.channels.email import message_id
from activation.deliveries.links import addresses
from activation.deliveries.models import Delivery
from activation.deliveries.types import DeliveryStatus
from activation.pressure.models import LedgerRow
from activation.pressure.types import Status
from identity import graph
from identity.models import SetAside, Source
from identity.profiles.models import ContactCount
from identity.touchpoints.types import touchpoint_id
from tests.content import journey, path, policy, template

LIMIT = 2  # marketing mails to one person


def set_up() -> None:
    """Mail everybody who orders for less than 30 (about a dozen mails a second), and offer what is cheap, twice at most."""
    policy(
        "twice",
        scope={"classes": ["marketing"]},
        limit=LIMIT,
        window={"kind": "rolling", "seconds": 604_800},
    )
    small = [{"property": "price", "op": "lt", "value": 20}]
    journey(
        "Offers",
        path(
            ("start", _entry("Product Added", small)),
            ("send", _mail("offer", "An offer")),
            ("end", {"type": "exit"}),
            message_class="marketing",
            re_entry={"mode": "always"},
        ),
    )
    cheap = [{"property": "total", "op": "lt", "value": 30}]
    journey(
        "Thanks",
        path(
            ("start", _entry("Order Completed", cheap)),
            ("send", _mail("thanks", "Thanks")),
            ("end", {"type": "exit"}),
            message_class="transactional",
            re_entry={"mode": "always"},
        ),
    )


def _entry(event: str, where: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "entry", "config": {"on": "touchpoint", "event": event, "where": where}}


def _mail(name: str, subject: str) -> dict[str, Any]:
    return {"type": "send", "config": {"channel": "email", "template": template(name, subject)}}


def show(source: str, message_ids_file: str) -> None:
    """Print as JSON: how many touchpoints of the source are stored and counted, which messageIds are missing, what was sent."""
    row = Source.objects.get(name=source)
    stored = _stored(row.pk)
    acknowledged = json.loads(Path(message_ids_file).read_text(encoding="utf-8"))
    missing = [one for one in acknowledged if touchpoint_id(row.uuid, one) not in stored]
    contacts = ContactCount.objects.filter(direction="inbound").exclude(channel="email")
    json.dump(
        {
            "stored": len(stored),
            "counted": contacts.aggregate(Sum("count"))["count__sum"] or 0,
            "missing": missing[:10],
            "committed": _message_ids(DeliveryStatus.SENT, DeliveryStatus.DELIVERED),
            "unknown": _message_ids(DeliveryStatus.UNKNOWN),
            "set_aside": SetAside.objects.count(),
            "over_the_limit": _over_the_limit(),
            "left_reserved": _left_reserved(),
        },
        sys.stdout,
    )


def _stored(source: int) -> set[str]:
    """Return the ids of a source's touchpoints in the graph store."""
    found: set[str] = set()
    after = 0
    while page := graph.store().scan(after=after, limit=2_000):
        found.update(each.id for each in page if each.source == source)
        after = page[-1].number
    return found


def _over_the_limit() -> int:
    """Return how many people have more marketing mails on their account than the policy allows."""
    people = (
        LedgerRow.objects.filter(message_class="marketing")
        .exclude(status=Status.RELEASED)
        .values("owner__profile")
        .annotate(mails=Count("pk"))
    )
    assert people.exists(), "no marketing mail was sent"
    return people.filter(mails__gt=LIMIT).count()


def _left_reserved() -> int:
    """Return how many ledger rows are reserved although nothing is on its way for them."""
    going = Delivery.objects.filter(
        status__in=[DeliveryStatus.QUEUED, DeliveryStatus.POSTPONED, DeliveryStatus.HANDING_OVER]
    )
    reserved = LedgerRow.objects.filter(status=Status.RESERVED)
    return reserved.exclude(key__in=going.values("ledger_key")).count()


def _message_ids(*statuses: DeliveryStatus) -> list[str]:
    keys = Delivery.objects.filter(status__in=statuses).values_list("key", flat=True)
    name = addresses().message
    return [message_id(name(key), settings.SMTP_FROM).strip("<>") for key in keys]
