"""The row is the queue: deliveries are taken under a lease, and every change of status is conditional on the one before.

Written by the sender and by who fetches; the lane only inserts. Statements, no rules.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from activation.deliveries.types import DeliveryStatus
from activation.pressure.types import Quiet
from identity.clock import SECOND, Instant
from identity.sql import Rows, execute, fetch

LEASE = 60 * SECOND

_LAPSED = "status = 'handing_over' AND lease_until < %s"
_QUEUED, _IN_HAND = DeliveryStatus.QUEUED.value, DeliveryStatus.HANDING_OVER.value


class Claimed(NamedTuple):
    """A delivery in hand. `profile` is the owner's profile now; `address_profile` that of the address, None without one.

    `reserved_for`: the instant that the policies were asked about. `checked_at`: since when it waits for wishes.
    """

    id: int
    key: str
    ledger_key: str
    channel: str
    message_class: str
    template: int
    journey: int | None
    facts: Mapping[str, Any]
    quiet: tuple[Quiet, ...]
    zone: str
    urgent: bool
    reserved_for: Instant
    checked_at: Instant | None
    tries: int
    owner: int
    owner_key: str
    profile: int
    address: int | None
    address_key: str
    address_profile: int | None


def take(
    token: str,
    channel: str,
    now: Instant,
    limit: int,
    *,
    only: Collection[str] | None = None,
    lease: Instant = LEASE,
) -> list[Claimed]:
    """Lease up to `limit` due deliveries of a channel, the earliest first; those leased before by this token come again.

    `only`: of these message classes.
    """
    due = "d.status = 'queued' AND d.due_at <= %s AND d.held = %s AND d.channel = %s"
    due += " AND (d.lease_until IS NULL OR d.lease_until < %s OR d.lease_token = %s)"
    parameters: list[object] = [now, False, channel, now, token]
    if only is not None:
        classes = Rows("classes", name="text")
        due += f" AND d.message_class IN (SELECT name FROM {classes})"
        parameters += classes.of((name,) for name in sorted(only))
    # A look takes no turn in the queue of writers.
    if not fetch(f"SELECT 1 FROM activation_delivery AS d WHERE {due} LIMIT 1", parameters):
        return []
    lock = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    # MATERIALIZED: PostgreSQL may run a subquery again for each row, and each time lock others.
    taken = fetch(
        f"WITH due AS MATERIALIZED (SELECT d.id FROM activation_delivery AS d WHERE {due}"
        f" ORDER BY d.due_at, d.id LIMIT %s{lock})"
        " UPDATE activation_delivery SET lease_until = %s, lease_token = %s"
        " WHERE id IN (SELECT id FROM due) AND status = 'queued' RETURNING id",
        [*parameters, limit, now + lease, token],
    )
    return read([row[0] for row in taken])


def read(ids: Collection[int]) -> list[Claimed]:
    """Read deliveries in hand, the earliest due first."""
    rows = Rows("taken", id="bigint")
    found = fetch(
        "SELECT d.id, d.key, d.ledger_key, d.channel, d.message_class, d.template_id, d.journey, d.facts, d.quiet, d.zone, d.urgent,"
        " d.reserved_for, d.checked_at, d.tries, o.id, o.key, o.profile_id, a.id, COALESCE(a.key, ''), a.profile_id"
        f" FROM {rows} JOIN activation_delivery AS d ON d.id = taken.id"
        " JOIN identity_identifier AS o ON o.id = d.owner_id"
        " LEFT JOIN identity_identifier AS a ON a.id = d.address_id ORDER BY d.due_at, d.id",
        rows.of((each,) for each in ids),
    )
    return [
        Claimed(*row)._replace(facts=msgspec.json.decode(row[7]), quiet=quiet_of(row[8]))
        for row in found
    ]


def quiet_of(text: str) -> tuple[Quiet, ...]:
    """Read the quiet hours that a delivery carries."""
    return msgspec.json.decode(text, type=tuple[Quiet, ...])


def wait(delivery: int, now: Instant, *, token: str) -> None:
    """Note that a delivery waits, from now on, for the wishes that were received before."""
    execute(
        "UPDATE activation_delivery SET checked_at = %s WHERE id = %s AND status = %s AND lease_token = %s",
        [now, delivery, _QUEUED, token],
    )


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


def let_go(token: str) -> None:
    """Give up the leases of what is still queued: who takes it next need not wait until they lapse."""
    execute(
        "UPDATE activation_delivery SET lease_until = NULL, lease_token = '' WHERE status = %s AND lease_token = %s",
        [_QUEUED, token],
    )


def any_lost(now: Instant) -> bool:
    """Tell whether there is anything to `lose`. A look takes no turn in the queue of writers."""
    return bool(fetch(f"SELECT 1 FROM activation_delivery WHERE {_LAPSED} LIMIT 1", [now]))


def lose(now: Instant) -> list[tuple[int, str, Instant]]:
    """Mark as unknown whatever is in hand beyond its lease: its sender died. Return (id, key of the ledger row, handed over at)."""
    rows: list[tuple[int, str, Instant]] = fetch(
        "UPDATE activation_delivery SET status = 'unknown', reason = 'lease_lapsed'"
        f" WHERE {_LAPSED} RETURNING id, ledger_key, handed_at",
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
