"""The row is the queue: deliveries are taken under a lease, and every change of status is conditional on the one before.

Written by the sender and by who fetches; the lane only inserts. Statements, no rules.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from activation.deliveries.types import DeliveryStatus
from identity.clock import SECOND, Instant
from identity.sql import Rows, execute, fetch

LEASE = 60 * SECOND

_QUEUED, _IN_HAND = DeliveryStatus.QUEUED.value, DeliveryStatus.HANDING_OVER.value


class Claimed(NamedTuple):
    """A delivery in hand. `profile` is the owner's profile now; `address_profile` that of the address, None without one."""

    id: int
    key: str
    ledger_key: str
    channel: str
    message_class: str
    template: int
    journey: int | None
    facts: Mapping[str, Any]
    claimed_at: Instant
    tries: int
    owner: int
    owner_key: str
    profile: int
    address: int | None
    address_key: str
    address_profile: int | None
    urgent: bool = False


def take(
    token: str, channels: Collection[str], now: Instant, limit: int, *, lease: Instant = LEASE
) -> list[Claimed]:
    """Lease up to `limit` due deliveries of these channels, the earliest first; those leased before by this token come again."""
    lock = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    names = Rows("wanted", name="text")
    taken = fetch(
        "UPDATE activation_delivery SET lease_until = %s,"
        " claimed_at = CASE WHEN lease_token = %s THEN claimed_at ELSE %s END, lease_token = %s"
        " WHERE id IN (SELECT d.id FROM activation_delivery AS d WHERE d.status = 'queued' AND d.due_at <= %s"
        f" AND d.held = %s AND d.channel IN (SELECT name FROM {names})"
        " AND (d.lease_until IS NULL OR d.lease_until < %s OR d.lease_token = %s)"
        f" ORDER BY d.due_at, d.id LIMIT %s{lock}) AND status = 'queued' RETURNING id",
        [
            *(now + lease, token, now, token, now, False),
            *names.of((name,) for name in sorted(channels)),
            *(now, token, limit),
        ],
    )
    return read([row[0] for row in taken])


def read(ids: Collection[int]) -> list[Claimed]:
    """Read deliveries in hand, the earliest due first."""
    rows = Rows("taken", id="bigint")
    found = fetch(
        "SELECT d.id, d.key, d.ledger_key, d.channel, d.message_class, d.template_id, d.journey, d.facts, d.claimed_at, d.tries,"
        " o.id, o.key, o.profile_id, a.id, COALESCE(a.key, ''), a.profile_id, d.urgent"
        f" FROM {rows} JOIN activation_delivery AS d ON d.id = taken.id"
        " JOIN identity_identifier AS o ON o.id = d.owner_id"
        " LEFT JOIN identity_identifier AS a ON a.id = d.address_id ORDER BY d.due_at, d.id",
        rows.of((each,) for each in ids),
    )
    return [Claimed(*row)._replace(facts=msgspec.json.decode(row[7])) for row in found]


def begin(
    delivery: int, address: int | None, token: str, now: Instant, *, lease: Instant = LEASE
) -> bool:
    """Mark a delivery as being handed over; False when the lease was lost, or it was held or cancelled meanwhile."""
    return bool(
        execute(
            "UPDATE activation_delivery SET status = %s, address_id = %s, handed_at = %s, lease_until = %s, tries = tries + 1"
            " WHERE id = %s AND status = %s AND lease_token = %s AND lease_until >= %s AND held = %s",
            [_IN_HAND, address, now, now + lease, delivery, _QUEUED, token, now, False],
        )
    )


def settle(
    delivery: int,
    status: DeliveryStatus,
    now: Instant,
    *,
    token: str,
    reason: str = "",
    provider_id: str = "",
) -> bool:
    """End a hand-over; also one that was given up as unknown meanwhile, by who still had it in hand."""
    return bool(
        execute(
            "UPDATE activation_delivery SET status = %s, settled_at = %s, reason = %s, provider_id = %s, lease_until = NULL"
            " WHERE id = %s AND status IN ('handing_over', 'unknown') AND lease_token = %s",
            [status.value, now, reason[:200], provider_id[:200], delivery, token],
        )
    )


def put_back(delivery: int, due_at: Instant, reason: str, *, token: str, counted: bool) -> bool:
    """Queue a delivery again that was definitely not taken; `counted`: as a failed try."""
    return bool(
        execute(
            "UPDATE activation_delivery SET status = %s, due_at = %s, reason = %s, lease_until = NULL, lease_token = '',"
            " tries = tries - %s WHERE id = %s AND status = %s AND lease_token = %s",
            [_QUEUED, due_at, reason[:200], 0 if counted else 1, delivery, _IN_HAND, token],
        )
    )


def cancel(
    delivery: int, status: DeliveryStatus, now: Instant, reason: str, *, token: str
) -> bool:
    """Take a delivery that was leased and not handed over out of the queue."""
    return bool(
        execute(
            "UPDATE activation_delivery SET status = %s, settled_at = %s, reason = %s, lease_until = NULL"
            " WHERE id = %s AND status = %s AND lease_token = %s",
            [status.value, now, reason[:200], delivery, _QUEUED, token],
        )
    )


def lose(now: Instant) -> list[tuple[int, str]]:
    """Mark as unknown whatever is in hand beyond its lease: its sender died. Return (id, key of the ledger row)."""
    rows: list[tuple[int, str]] = fetch(
        "UPDATE activation_delivery SET status = 'unknown', reason = 'lease_lapsed'"
        " WHERE status = 'handing_over' AND lease_until < %s RETURNING id, ledger_key",
        [now],
    )
    return rows


def note(steps: Collection[tuple[int, Instant, str, str, str]]) -> None:
    """Write lines of timelines: (delivery, at, status, reason, actor)."""
    if not steps:
        return
    rows = Rows("steps", id="bigint", at="bigint", status="text", reason="text", actor="text")
    execute(
        "INSERT INTO activation_deliverystep (delivery_id, at, status, reason, actor)"
        f" SELECT id, at, status, reason, actor FROM {rows}",
        rows.of((*step[:3], step[3][:200], step[4]) for step in steps),
    )
