"""The last look before a message leaves, the same for who pushes and for who fetches.

Everything that may say no is read in the transaction that marks the delivery as being handed over.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django.db import DatabaseError, transaction

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
from identity.errors import DomainError
from identity.profiles import facts
from identity.touchpoints import commands

log = logging.getLogger(__name__)

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
        rows = claims.read([claimed.id])  # whose it is may have changed since it was taken
        if not rows:
            return Look.GONE  # erased
        made = _make(rows[0], hands.known.get(claimed.channel), asked, now)
        if isinstance(made, Check):
            _refuse(rows[0], made, hands.token, now)
            return Look.GONE
        marked = claims.begin(claimed.id, made.address, hands.token, now, lease=hands.lease)
    return made if marked else Look.GONE


def give_up_lost(now: Instant) -> None:
    """Mark what somebody had in hand beyond the lease: it may have gone out, nobody knows, so it counts."""
    with transaction.atomic():
        lost = claims.lose(now)
        if lost:
            ledger.unknown([key for _, key in lost], "lease_lapsed")
            claims.note([(row, now, "unknown", "lease_lapsed", "sender") for row, _ in lost])


def _make(
    claimed: Claimed, channel: Description | None, asked: Rules, now: Instant
) -> Composed | Check:
    """Look, and make the message. What is wrong with this one delivery ends it; a store or a vault that is away is raised."""
    try:
        person = facts.of([claimed.profile]).get(claimed.profile)
        check = look(claimed, person, channel, asked, now)
        if check.answer is not Answer.GO or person is None or channel is None:
            return check
        return compose(claimed, person, channel, now, exempt=claimed.message_class in asked.exempt)
    except NoAddress:
        return Check(Answer.NO, "no_address")
    except (MissingValue, BadTemplate) as error:
        return Check(Answer.BROKEN, str(error))
    except (DatabaseError, OSError, DomainError):
        raise
    except Exception as error:  # noqa: BLE001 - a trait of the wrong kind must not stop everybody's mail; its text may be personal
        log.error("Delivery %s cannot be made: %s", claimed.key, type(error).__name__)  # noqa: TRY400
        return Check(Answer.BROKEN, type(error).__name__)


def _refuse(claimed: Claimed, check: Check, token: str, now: Instant) -> None:
    """Release the reservation with the reason of the no; for quiet hours let the lane look for room after them."""
    if check.answer is Answer.BROKEN:
        _end(claimed, DeliveryStatus.FAILED, check.reason, token, now)
    elif check.answer is Answer.NO:
        _end(claimed, DeliveryStatus.CANCELLED, check.reason, token, now)
    elif claims.cancel(claimed.id, DeliveryStatus.POSTPONED, now, check.reason, token=token):
        payload = {"delivery": claimed.id, "until": check.until}
        commands.enqueue(POSTPONE, payload, "sender", now)


def _end(claimed: Claimed, status: DeliveryStatus, reason: str, token: str, now: Instant) -> None:
    if claims.cancel(claimed.id, status, now, reason, token=token):
        ledger.release({claimed.ledger_key: reason})
        claims.note([(claimed.id, now, status.value, reason, "sender")])
