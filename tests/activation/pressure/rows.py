"""Policies, weights and ledger rows in the database, for tests."""

from typing import Any

from activation.pressure.models import (
    ChannelWeight,
    LedgerRow,
    MessageClass,
    Policy,
    PolicyVersion,
)
from activation.pressure.types import Ask
from tests.activation.people import NOON


def publish(name: str, **document: Any) -> Policy:
    """Store a live policy of this document."""
    policy = Policy.objects.create(
        name=name, slug=name, state="live", document=document, created_at=1, changed_at=1
    )
    policy.version = PolicyVersion.objects.create(
        policy=policy, number=1, document=document, published_at=1
    )
    policy.save()
    return policy


def rolling(hours: float) -> dict[str, Any]:
    return {"kind": "rolling", "seconds": int(hours * 3600)}


def weights() -> None:
    for channel, weight in {"email": 100, "sms": 200, "call": 500, "display": 10}.items():
        ChannelWeight.objects.create(channel=channel, weight=weight)
    MessageClass.objects.create(name="marketing")
    MessageClass.objects.create(name="transactional", obeys_caps=False, counts_toward_caps=False)


def ask(key: str, profile: int, owner: int, **rest: Any) -> Ask:
    known = {"channel": "email", "message_class": "marketing", "due_at": NOON}
    return Ask(key=key, profile=profile, owner=owner, **{**known, **rest})


def impressions(count: int, owners: tuple[int, ...], first: int, step: int) -> None:
    """Write reported contacts of one person, one step apart, by turns under each of their identifiers."""
    LedgerRow.objects.bulk_create(
        LedgerRow(
            key=f"reported:{number}",
            owner_id=owners[number % len(owners)],
            sequence=number,
            origin="reported",
            status="committed",
            channel="display",
            message_class="marketing",
            points=10,
            counts=True,
            decided_at=first + number * step,
            effective_at=first + number * step,
        )
        for number in range(count)
    )
