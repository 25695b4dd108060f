"""What comes back about our own messages: reactions are kept, deliveries and the ledger follow.

A machine's open is kept and moves nothing. Runs in the lane's transaction; the number of statements does not depend on the batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from activation.deliveries import events
from activation.deliveries.types import DeliveryStatus, OpenKind, ReactionKind
from activation.pressure import ledger
from identity.profiles.types import Arrival
from identity.sql import Rows, execute, fetch
from identity.touchpoints.contacts import is_human, is_soft
from identity.touchpoints.types import BatchContext, Touchpoint

# What a reaction makes of a delivery: the status it gets, and those it may have had. What proves that a message arrived also
# settles one of which nobody knew.
_ARRIVED = ("unknown",)
_CHANGES: Mapping[ReactionKind, tuple[DeliveryStatus, tuple[str, ...]]] = {
    ReactionKind.DELIVERED: (DeliveryStatus.DELIVERED, ("handing_over", "unknown", "sent")),
    ReactionKind.OPENED: (DeliveryStatus.SENT, _ARRIVED),
    ReactionKind.CLICKED: (DeliveryStatus.SENT, _ARRIVED),
    ReactionKind.UNSUBSCRIBED: (DeliveryStatus.SENT, _ARRIVED),
    ReactionKind.COMPLAINED: (DeliveryStatus.COMPLAINED, ("unknown", "sent", "delivered")),
    ReactionKind.BOUNCED: (
        DeliveryStatus.BOUNCED,
        ("handing_over", "unknown", "sent", "delivered"),
    ),
    ReactionKind.FAILED: (DeliveryStatus.FAILED, ("handing_over", "unknown", "sent")),
}
_NOT_MADE = {DeliveryStatus.BOUNCED, DeliveryStatus.FAILED}


class _Receipt(NamedTuple):
    key: str
    kind: ReactionKind
    open_kind: str
    touchpoint: Touchpoint


def apply(arrivals: Iterable[Arrival], context: BatchContext) -> None:
    """Keep the reactions among these touchpoints, and settle what they settle."""
    receipts = [receipt for one in arrivals if (receipt := _read(one.touchpoint))]
    if not receipts:
        return
    _keep(receipts)
    for kind, keys in _moving(receipts).items():
        _move(kind, keys, context)


def _read(touchpoint: Touchpoint) -> _Receipt | None:
    """Only the product's own source keeps `context.filrouge`, so nobody else can speak about a delivery."""
    kind = events.REACTIONS.get(touchpoint.event)
    own = touchpoint.context.get("filrouge")
    if kind is None or not isinstance(own, Mapping) or not own.get("delivery"):
        return None
    opened = str(touchpoint.properties.get("open_kind") or OpenKind.HUMAN.value)
    return _Receipt(
        str(own["delivery"]), kind, opened if kind is ReactionKind.OPENED else "", touchpoint
    )


def _moving(receipts: Sequence[_Receipt]) -> dict[ReactionKind, set[str]]:
    moving: dict[ReactionKind, set[str]] = {}
    for one in receipts:
        if _moves(one):
            moving.setdefault(one.kind, set()).add(one.key)
    return moving


def _moves(receipt: _Receipt) -> bool:
    """Tell whether a receipt says something about the message: not what a machine did, nor a bounce that may pass."""
    if receipt.kind is ReactionKind.BOUNCED:
        return not is_soft(receipt.touchpoint.properties)
    touchpoint = receipt.touchpoint
    return receipt.kind in _CHANGES and is_human(touchpoint.event, touchpoint.properties)


def _keep(receipts: Sequence[_Receipt]) -> None:
    rows = Rows(
        "seen",
        key="text",
        touchpoint="text",
        kind="text",
        open_kind="text",
        at="bigint",
        url="text",
    )
    execute(
        "INSERT INTO activation_reaction (delivery_id, touchpoint, kind, open_kind, at, url)"
        " SELECT d.id, seen.touchpoint, seen.kind, seen.open_kind, seen.at, seen.url"
        f" FROM {rows} JOIN activation_delivery AS d ON d.key = seen.key"
        " WHERE true ON CONFLICT (touchpoint) DO NOTHING",
        rows.of(
            (
                one.key,
                one.touchpoint.id,
                one.kind.value,
                one.open_kind[:20],
                one.touchpoint.at,
                str(one.touchpoint.properties.get("url", ""))[:2000],
            )
            for one in receipts
        ),
    )


def _move(kind: ReactionKind, keys: Iterable[str], context: BatchContext) -> None:
    """Change deliveries conditionally, and the ledger of those that changed."""
    status, before = _CHANGES[kind]
    rows = Rows("seen", key="text")
    states = Rows("states", name="text")
    changed = fetch(
        "UPDATE activation_delivery SET status = %s, settled_at = %s, reason = %s"
        f" WHERE key IN (SELECT key FROM {rows}) AND status IN (SELECT name FROM {states})"
        " RETURNING ledger_key",
        [
            status.value,
            context.now,
            f"receipt: {kind.value}",
            *rows.of((key,) for key in sorted(keys)),
            *states.of((name,) for name in before),
        ],
    )
    ledger_keys = [row[0] for row in changed]
    if status in _NOT_MADE:
        failed = kind is ReactionKind.FAILED  # it never left, whoever acknowledged it before
        ledger.release(dict.fromkeys(ledger_keys, kind.value), made=failed)
    else:
        ledger.commit(dict.fromkeys(ledger_keys, ""))
