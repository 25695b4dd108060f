"""The last look before a message leaves, the same for who pushes and for who fetches.

Everything that may say no is read in the transaction that marks the delivery as being handed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django.db import transaction

from activation.channels.registry import Description
from activation.deliveries import claims
from activation.deliveries.checks import Answer, Check, look
from activation.deliveries.claims import Claimed
from activation.deliveries.composing import Composed, NoAddress, compose
from activation.deliveries.markup import BadTemplate, MissingValue
from activation.deliveries.permission import Rules
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from identity.clock import Instant
from identity.profiles import facts
from identity.touchpoints import commands

POSTPONE = "delivery.postpone"  # the lane's command: find room after quiet hours


class Look(Enum):
    """What became of a leased delivery that is not handed over now."""

    GONE = "gone"  # settled without it, or no longer ours
    LATER = "later"  # stays leased: the lane has not yet seen everything that was received before


@dataclass(frozen=True, slots=True)
class Hands:
    """Who hands over: `token` of the lease, how long it holds, and when the first row was received that the lane has not seen."""

    token: str
    known: Mapping[str, Description]
    oldest: Instant | None
    lease: Instant = claims.LEASE


def rules() -> Rules:
    """Return what the settings say about consent."""
    return Rules(frozenset(settings.CONSENT_EXEMPT), frozenset(settings.CONSENT_OPT_IN))


def begin(claimed: Claimed, hands: Hands, now: Instant) -> Composed | Look:
    """Look again, make the message, mark the delivery, commit. Only a Composed may be handed over."""
    asked = rules()
    exempt = claimed.message_class in asked.exempt
    behind = hands.oldest is not None and hands.oldest <= claimed.claimed_at
    if behind and not exempt:
        return Look.LATER  # an unsubscribe may be among what waits
    with transaction.atomic():
        fresh = claims.read([claimed.id])[0]  # whose it is may have changed since it was taken
        person = facts.of([fresh.profile]).get(fresh.profile)
        channel = hands.known.get(fresh.channel)
        check = look(fresh, person, channel, asked, now)
        if check.answer is not Answer.GO or person is None or channel is None:
            _refuse(fresh, check, hands.token, now)
            return Look.GONE
        try:
            composed = compose(fresh, person, channel, now, exempt=exempt)
        except NoAddress:
            _end(fresh, DeliveryStatus.CANCELLED, "no_address", hands.token, now)
            return Look.GONE
        except (MissingValue, BadTemplate) as error:
            _end(fresh, DeliveryStatus.FAILED, str(error), hands.token, now)
            return Look.GONE
        marked = claims.begin(fresh.id, composed.address, hands.token, now, lease=hands.lease)
    return composed if marked else Look.GONE


def give_up_lost(now: Instant) -> None:
    """Mark what somebody had in hand beyond the lease: it may have gone out, nobody knows, so it counts."""
    with transaction.atomic():
        lost = claims.lose(now)
        if lost:
            ledger.unknown([key for _, key in lost], "lease_lapsed")
            claims.note([(row, now, "unknown", "lease_lapsed", "sender") for row, _ in lost])


def _refuse(claimed: Claimed, check: Check, token: str, now: Instant) -> None:
    """Release the reservation with the reason of the no; for quiet hours let the lane look for room after them."""
    if check.answer is not Answer.WAIT:
        _end(claimed, DeliveryStatus.CANCELLED, check.reason, token, now)
    elif claims.cancel(claimed.id, DeliveryStatus.POSTPONED, now, check.reason, token=token):
        payload = {"delivery": claimed.id, "until": check.until}
        commands.enqueue(POSTPONE, payload, "sender", now)


def _end(claimed: Claimed, status: DeliveryStatus, reason: str, token: str, now: Instant) -> None:
    if claims.cancel(claimed.id, status, now, reason, token=token):
        ledger.release({claimed.ledger_key: reason})
        claims.note([(claimed.id, now, status.value, reason, "sender")])
