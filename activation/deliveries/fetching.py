"""Deliveries of a channel that is not built in: fetched, acknowledged, and reported on with a key of its own.

Fetching is handing over: the delivery is marked before it is given out, and without an acknowledgement it becomes `unknown` after a
while, as when a sender dies. It is not given out again by itself; a late acknowledgement or a receipt settles it.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.translation import gettext

from activation.channels import registry
from activation.channels.port import Message
from activation.channels.registry import Description
from activation.deliveries import claims, events, handover
from activation.deliveries.composing import Composed
from activation.deliveries.events import REACTIONS, event_of, iso
from activation.deliveries.handover import Hands
from activation.deliveries.models import Delivery
from activation.deliveries.tokens import Sent
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from identity import faults
from identity.clock import SECOND, Instant, from_datetime
from identity.errors import DomainError
from identity.privacy.wishes import BOUNCED, COMPLAINED, UNSUBSCRIBED
from identity.touchpoints import door
from identity.touchpoints.contacts import is_soft
from identity.touchpoints.inbox.port import InboxAway

log = logging.getLogger(__name__)

_LOOK, _LOOKS = 0.05, 40  # seconds between looks for the lane's answer, and how many
_WISHES = frozenset({UNSUBSCRIBED, COMPLAINED})
_OF_ADDRESS = _WISHES | {BOUNCED}
_FORBIDDEN = frozenset({"filrouge", "identifiers", "delivery"})


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that was given out, to be acknowledged before `ack_before`."""

    message: Message
    message_class: str
    ack_before: Instant


def fetch(
    channel: str,
    limit: int,
    clock: Callable[[], Instant],
    oldest: Callable[[], Instant | None],
) -> list[Handed]:
    """Give out up to `limit` due deliveries. Raises NotFound, DomainError for a channel that nothing is fetched from.

    `oldest`: since when a wish waits for the lane, if any does. Late ones come after the lane has asked the policies again: that is waited
    for, so that who fetches seldom gets them too.
    """
    described = _fetched(channel)
    if not described.enabled:
        return []
    handover.give_up_lost(clock())
    lease = described.ack_within * SECOND
    hands = Hands(f"fetch:{channel}", oldest, lease)
    handed, asked = _give(channel, hands, clock(), limit)
    if asked and _answered(asked):
        handed += _give(channel, hands, clock(), limit - len(handed))[0]
    return handed


def acknowledge(channel: str, keys: Mapping[str, str], now: Instant) -> list[str]:
    """Note that these went out, given as key -> the provider's id (or ""); return the keys that changed."""
    _fetched(channel)
    changed = []
    with transaction.atomic():
        for row in _of_channel(channel, keys):
            if claims.settle(
                row.pk,
                DeliveryStatus.SENT,
                now,
                token=row.lease_token,
                provider_id=keys[row.key],
            ):
                if row.handed_at is not None:
                    ledger.move({row.ledger_key: from_datetime(row.handed_at)})
                ledger.commit({row.ledger_key: keys[row.key]})
                changed.append(row.key)
    return changed


@dataclass(frozen=True, slots=True)
class Reported:
    """What was not taken of some receipts: keys that are no deliveries of the channel, and (index, code, message) of others."""

    unknown: Sequence[str]
    errors: Sequence[tuple[int, str, str]]


def report(channel: str, receipts: Sequence[Mapping[str, Any]], now: Instant) -> Reported:
    """Bring receipts in at the front door: {key, event, id?, at?, properties?}; a bad one never fails the others.

    Raises DomainError when the door cannot take them now.
    """
    registry.describe(channel)
    known = {row.key: row for row in _of_channel(channel, {one["key"] for one in receipts})}
    mine = [index for index, one in enumerate(receipts) if one["key"] in known]
    touchpoints = [_event(known[receipts[n]["key"]], receipts[n], now) for n in mine]
    try:
        refused = door.post(touchpoints) if touchpoints else []
    except (InboxAway, door.DoorRefuses) as error:
        raise DomainError(
            "inbox_away", gettext("receipts cannot be stored now"), status=503
        ) from error
    return Reported(
        unknown=sorted({one["key"] for one in receipts} - known.keys()),
        errors=[(mine[one.index], one.code, one.message) for one in refused],
    )


def _give(channel: str, hands: Hands, now: Instant, limit: int) -> tuple[list[Handed], list[int]]:
    """Mark one after another; what is marked is given out, also when a store goes away before the last.

    Also return which deliveries the lane was asked about.
    """
    given: list[Handed] = []
    asked: list[int] = []
    for one in handover.take(channel, hands, now, limit) if limit else []:
        try:
            found = handover.begin(one, hands, now)
        except (DatabaseError, OSError, DomainError) as error:
            if not given:
                raise
            log.error("A fetch of %s ends early: %s", channel, faults.traced(error))  # noqa: TRY400
            break
        if isinstance(found, Composed):
            given.append(Handed(found.message, one.message_class, now + hands.lease))
        elif found is handover.Look.ASKED:
            asked.append(one.id)
    return given, asked


def _answered(asked: Sequence[int]) -> bool:
    """Wait a moment for the lane; tell whether it answered for all."""
    waiting = Delivery.objects.filter(pk__in=asked, status=DeliveryStatus.POSTPONED)
    for _ in range(_LOOKS):
        if not waiting.exists():
            return True
        time.sleep(_LOOK)
    return False


def _fetched(channel: str) -> Description:
    described = registry.describe(channel)
    if not described.pull:
        raise DomainError(
            "not_fetched",
            gettext("deliveries of %(channel)s are sent, not fetched") % {"channel": channel},
        )
    return described


def _of_channel(channel: str, keys: Collection[str]) -> list[Delivery]:
    rows = Delivery.objects.filter(channel=channel, key__in=sorted(keys))
    return list(rows.select_related("owner", "address"))


def _event(row: Delivery, receipt: Mapping[str, Any], now: Instant) -> dict[str, Any]:
    """Make the touchpoint of a receipt: once under its own id, else once per delivery, event, kind of open or bounce, and time.

    A wish with neither id nor time counts each time: the person may have consented since it was reported last. A bounce does not: a
    message bounces for good once, and whoever opened the channel again since knows more than the same report.
    """
    name = str(receipt["event"])
    if name not in REACTIONS:
        raise DomainError(
            "bad_receipt", gettext("%(name)s is no receipt") % {"name": name}, status=400
        )
    address = row.address.key if row.address else ""
    sent = Sent(row.key, row.owner.key, address, row.channel, row.message_class, now)
    said = {
        str(field): value
        for field, value in receipt.get("properties", {}).items()
        if field not in _FORBIDDEN
    }
    own = event_of(sent, name, both=name in _OF_ADDRESS)
    at = receipt.get("at") or iso(now)
    # What a machine did first must not swallow what a person does later, nor a bounce that may pass the one for good.
    kind = "soft" if name == BOUNCED and is_soft(said) else said.get("open_kind", "")
    seen = (name, kind, at if name in _WISHES else receipt.get("at") or "")
    mark = receipt.get("id") or ":".join(str(each) for each in seen if each)
    return {
        **own,
        "messageId": events.message_id("receipt", row.key, str(mark)),
        "timestamp": at,
        "properties": {**said, **own["properties"]},
    }
