"""What the campaign asks an installation for: a journey that mails, and its books at the end. Runs inside of it (`shell`)."""

import json
import sys
from pathlib import Path

from django.conf import settings
from django.db.models import Sum

from activation.channels.email import message_id
from activation.deliveries.links import addresses
from activation.deliveries.models import Delivery
from activation.deliveries.types import DeliveryStatus
from identity.graph.models import GraphTouchpoint
from identity.models import Source
from identity.profiles.models import ContactCount
from identity.touchpoints.types import touchpoint_id
from tests.content import journey, path, template


def set_up() -> None:
    """Mail everybody who orders for less than 30: about a dozen mails a second under the campaign's load."""
    cheap = [{"property": "total", "op": "lt", "value": 30}]
    journey(
        "Thanks",
        path(
            (
                "start",
                {
                    "type": "entry",
                    "config": {"on": "touchpoint", "event": "Order Completed", "where": cheap},
                },
            ),
            (
                "send",
                {
                    "type": "send",
                    "config": {"channel": "email", "template": template("thanks", "Thanks")},
                },
            ),
            ("end", {"type": "exit"}),
            message_class="transactional",
            re_entry={"mode": "always"},
        ),
    )


def show(source: str, message_ids_file: str) -> None:
    """Print as JSON: how many touchpoints of the source are stored and counted, which messageIds are missing, what was sent."""
    row = Source.objects.get(name=source)
    stored = set(GraphTouchpoint.objects.filter(source=row.pk).values_list("uid", flat=True))
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
        },
        sys.stdout,
    )


def _message_ids(*statuses: DeliveryStatus) -> list[str]:
    keys = Delivery.objects.filter(status__in=statuses).values_list("key", flat=True)
    name = addresses().message
    return [message_id(name(key), settings.SMTP_FROM).strip("<>") for key in keys]
