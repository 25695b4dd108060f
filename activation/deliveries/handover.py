"""The last look before a message leaves, the same for who pushes and for who fetches.

Everything that may say no is read in the transaction that marks the delivery as being handed over.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from django.conf import settings
from django.db import DatabaseError, transaction

from activation.channels import registry
from activation.deliveries import claims
from activation.deliveries.checks import LATE_REASON, Answer, Check, look
from activation.deliveries.claims import Claimed
from activation.deliveries.composing import Composed, NoAddress, compose
from activation.deliveries.markup import BadTemplate, MissingValue
from activation.deliveries.permission import Rules
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from identity.clock import SECOND, Instant
from identity.errors import DomainError
from identity.profiles import facts
from identity.touchpoints import commands

log = logging.getLogger(__name__)

POSTPONE = (
    "delivery.postpone"  # the lane's command: find room, after quiet hours or since it is late
)
FRESH = 2 * SECOND  # how long a check may wait for the lane


class Look(Enum):
    """What became of a leased delivery that is not handed over now."""

    GONE = "gone"  # settled without it, or no longer ours
    LATER = "later"  # stays leased: the lane has not yet kept every wish that was received before
    ASKED = "asked"  # is late: the lane asks the policies again


@dataclass(frozen=True, slots=True)
class Hands:
    """Who hands over: `token` of the lease and how long it holds. `oldest` looks since when a wish waits for the lane, if any does."""

    token: str
    oldest: Callable[[], Instant | None]
    lease: Instant = claims.LEASE


def rules() -> Rules:
    """Return what the settings say about consent."""
    return Rules(frozenset(settings.CONSENT_EXEMPT), frozenset(settings.CONSENT_OPT_IN))


def begin(claimed: Claimed, hands: Hands, now: Instant) -> Composed | Look:
    """Look again, make the message, mark the delivery, commit. Only a Composed may be handed over."""
    if waits(claimed, hands, now):
        return Look.LATER
    with transaction.atomic():
        return mark(claimed, hands, now)


def waits(claimed: Claimed, hands: Hands, now: Instant) -> bool:
    """Tell whether a wish waits that is older than the check, and that may be this person's.

    The check begins now, and goes on when all that was received before it is kept, unless that takes longer than FRESH: then what came in
    meanwhile counts too (docs/decisions/0005).
    """
    if claimed.message_class in rules().exempt:
        return False
    oldest = hands.oldest()
    if oldest is None:
        return False
    since = claimed.checked_at
    if since is None or now - since > FRESH:
        claims.wait(claimed.id, now, token=hands.token)
        return True
    return oldest <= since


def mark(claimed: Claimed, hands: Hands, now: Instant) -> Composed | Look:
    """Look again, make the message, mark the delivery, in the caller's transaction: a Composed may be handed over once that is committed."""
    asked = rules()
    rows = claims.read([claimed.id])  # whose it is may have changed since it was taken
    if not rows:
        return Look.GONE  # erased
    made = _make(rows[0], asked, now)
    if isinstance(made, Check):
        _refuse(rows[0], made, hands.token, now)
        return Look.ASKED if made.reason == LATE_REASON else Look.GONE
    marked = claims.begin(claimed.id, made.address, hands.token, now, lease=hands.lease)
    return made if marked else Look.GONE


def take(channel: str, hands: Hands, now: Instant, limit: int) -> list[Claimed]:
    """Lease what is due of a channel; while wishes wait, first what need not wait for them."""
    first: list[Claimed] = []
    if hands.oldest() is not None:
        exempt = rules().exempt
        first = claims.take(hands.token, channel, now, limit, only=exempt, lease=hands.lease)
    if len(first) >= limit:
        return first
    known = {one.id for one in first}
    rest = claims.take(hands.token, channel, now, limit, lease=hands.lease)
    return [*first, *(one for one in rest if one.id not in known)][:limit]


def give_up_lost(now: Instant) -> None:
    """Mark what somebody had in hand beyond the lease: it may have gone out, nobody knows, so it counts."""
    if not claims.any_lost(now):
        return
    with transaction.atomic():
        lost = claims.lose(now)
        if lost:
            ledger.move({key: handed for _, key, handed in lost})
            ledger.unknown([key for _, key, _ in lost], "lease_lapsed")
            claims.note([(row, now, "unknown", "lease_lapsed", "sender") for row, _, _ in lost])


def _make(claimed: Claimed, asked: Rules, now: Instant) -> Composed | Check:
    """Look, and make the message. What is wrong with this one delivery ends it; a store or a vault that is away is raised."""
    try:
        person = facts.of([claimed.profile]).get(claimed.profile)
        channel = registry.descriptions().get(claimed.channel)
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
    """Release the reservation with the reason of the no; what has to wait the lane finds room for."""
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
