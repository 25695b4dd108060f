"""Finds another moment for a delivery that could not go when it was to go: quiet hours began, or it is late. A command of the lane."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from activation.deliveries import claims
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from activation.pressure.reserve import reserve
from activation.pressure.types import Ask, Decision, Reason
from identity.clock import Instant
from identity.profiles import facts
from identity.sql import execute, fetch
from identity.touchpoints.types import BatchContext

GAVE_UP = "gave_up"
_AGAIN = "~"


class _Postponed(NamedTuple):
    id: int
    key: str
    ledger_key: str
    reason: str
    decision: int
    owner: int
    profile: int
    channel: str
    message_class: str
    journey: int | None
    version: int | None
    node: str
    occurrence: int
    when_capped: str
    give_up_at: Instant | None
    quiet: str
    zone: str
    urgent: bool


class _Outcome(NamedTuple):
    status: str
    due_at: Instant
    ledger_key: str
    decision: int
    reason: str


def postpone(payload: Mapping[str, Any], context: BatchContext) -> None:
    """Ask the policies again for {delivery, until}, and queue it for when they let it go; else it is cancelled with the reason.

    Its first reservation was for an instant that has passed, so it is given back before. How long it may wait, and whether at all when
    there is no room, is what its step said.
    """
    row = _postponed(payload["delivery"])
    if row is None:
        return
    ledger.release({row.ledger_key: row.reason})
    due_at = max(payload["until"], context.now)
    if not _in_time(row, due_at):
        status = DeliveryStatus.CANCELLED
        _settle(
            row, _Outcome(status.value, due_at, row.ledger_key, row.decision, GAVE_UP), context.now
        )
        return
    ask = _ask(row, due_at)
    [decision] = reserve([ask], context)
    if _waits(row, decision) and decision.earliest is not None:
        ask = replace(ask, due_at=decision.earliest)
        [decision] = reserve([ask], context)
    status = DeliveryStatus.QUEUED if decision.passed else DeliveryStatus.CANCELLED
    reason = row.reason if decision.passed else decision.reason.value
    outcome = _Outcome(status.value, ask.due_at, ask.key, decision.id, reason)
    settled = _settle(row, outcome, context.now)
    if decision.passed and not settled:
        ledger.release({ask.key: "cancelled meanwhile"})


def _postponed(delivery: int) -> _Postponed | None:
    rows = fetch(
        "SELECT d.id, d.key, d.ledger_key, d.reason, d.decision, d.owner_id, o.profile_id, d.channel, d.message_class, d.journey,"
        " d.version, d.node, d.occurrence, d.when_capped, d.give_up_at, d.quiet, d.zone, d.urgent"
        " FROM activation_delivery AS d JOIN identity_identifier AS o ON o.id = d.owner_id"
        " WHERE d.id = %s AND d.status = %s",
        [delivery, DeliveryStatus.POSTPONED.value],
    )
    return _Postponed(*rows[0]) if rows else None


def _ask(row: _Postponed, due_at: Instant) -> Ask:
    number = int(row.ledger_key.removeprefix(row.key).removeprefix(_AGAIN) or 0) + 1
    person = facts.of([row.profile]).get(row.profile)
    return Ask(
        key=f"{row.key}{_AGAIN}{number}",
        profile=row.profile,
        owner=row.owner,
        channel=row.channel,
        message_class=row.message_class,
        due_at=due_at,
        journey=row.journey,
        version=row.version,
        node=row.node,
        occurrence=row.occurrence,
        time_zone=(person.time_zone if person else "") or row.zone,
        quiet=claims.quiet_of(row.quiet),
        when_capped=row.when_capped,
        give_up_at=row.give_up_at,
        urgent=bool(row.urgent),
    )


def _waits(row: _Postponed, decision: Decision) -> bool:
    """Tell whether a refused delivery waits for room: as at its first asking, quiet hours only put it off."""
    if decision.passed or decision.earliest is None or not _in_time(row, decision.earliest):
        return False
    return decision.reason is Reason.QUIET or decision.when_capped == "defer"


def _in_time(row: _Postponed, at: Instant) -> bool:
    return row.give_up_at is None or at <= row.give_up_at


def _settle(row: _Postponed, outcome: _Outcome, now: Instant) -> bool:
    """Write what became of it, in its timeline too; False when a person cancelled it meanwhile."""
    settled_at = None if outcome.status == DeliveryStatus.QUEUED.value else now
    changed = execute(
        "UPDATE activation_delivery SET status = %s, due_at = %s, ledger_key = %s, decision = %s, reason = %s,"
        " reserved_for = %s, lease_token = '', settled_at = %s WHERE id = %s AND status = %s",
        [*outcome, outcome.due_at, settled_at, row.id, DeliveryStatus.POSTPONED.value],
    )
    if changed:
        claims.note([(row.id, now, outcome.status, outcome.reason, "lane")])
    return bool(changed)
