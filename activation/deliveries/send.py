"""The sender: takes due deliveries and hands them over, one at a time, with everything that may say no read again before.

    leased -> looked at -> marked `handing_over`, committed -> network call -> settled, committed

No network call happens in a transaction, and nothing is handed over that is not marked: a crash in between leaves one delivery
`unknown`, which is never sent again by itself. What was sent is settled in the transaction that marks the next one: each waits for
one turn of the writers, not for two (docs/decisions/0007). Each channel has a thread of its own (crew.py), so that none waits for another.
"""

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import uuid4

from django.db import DatabaseError, transaction

from activation.channels import registry
from activation.channels.models import ChannelConfig
from activation.channels.port import Channel, ChannelError
from activation.channels.registry import Description
from activation.deliveries import claims, handover
from activation.deliveries.claims import Claimed
from activation.deliveries.composing import Composed
from activation.deliveries.handover import Hands, Look
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from identity import faults
from identity.clock import DAY, HOUR, MINUTE, SECOND, Instant
from identity.stages import leave, reach

log = logging.getLogger(__name__)

# After each failed try; then it failed. As the Standard Webhooks specification has them.
BACK_OFF = (
    *(5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR),
    *(10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
)
_LONGEST_OUTAGE = 60 * SECOND


class HandedOver(NamedTuple):
    """A delivery that its channel took, `at` the instant of its mark."""

    claimed: Claimed
    at: Instant
    provider_id: str


@dataclass
class Sender:
    """Hands over the deliveries of `only`, or of every channel, until `stop` is set.

    `oldest`: since when a wish waits for the lane, if any does. `_sent`: what went out last and is not settled yet.
    """

    clock: Callable[[], Instant]
    oldest: Callable[[], Instant | None]
    only: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    token: str = field(default_factory=lambda: str(uuid4()))
    _sent: HandedOver | None = None
    _channels: dict[str, tuple[Description, Channel]] = field(default_factory=dict)
    _outages: dict[str, tuple[Instant, Instant]] = field(default_factory=dict)

    def run_once(self, limit: int) -> int:
        """Take what is due and hand it over; return how many deliveries were dealt with."""
        handover.give_up_lost(self.clock())
        names = [self.only] if self.only else sorted(registry.descriptions())
        try:
            dealt = sum(self._work_off(name, limit) for name in names)
        finally:
            self._settle_sent()  # the last one, or the one before what broke
        if dealt:
            leave()
        if self.stop.is_set():
            claims.let_go(self.token)
        return dealt

    def close(self) -> None:
        """Let go of all connections."""
        for _, channel in self._channels.values():
            channel.close()
        self._channels.clear()

    # --- One delivery ---

    def _work_off(self, name: str, limit: int) -> int:
        now = self.clock()
        if self._open(name, now) is None:
            return 0
        taken = handover.take(name, self._hands(), now, limit)
        if taken:
            reach("7 deliver: claimed")
        return sum(self._deliver(claimed) for claimed in taken if not self.stop.is_set())

    def _deliver(self, claimed: Claimed) -> bool:
        described = self._open(claimed.channel, self.clock())
        channel = self._channel(described) if described else None
        if channel is None:
            return False  # its channel went away while this batch was on its way
        now = self.clock()
        composed = self._begin(claimed, now)
        if not isinstance(composed, Composed):
            return composed is not Look.LATER
        reach("7 deliver")
        try:
            provider_id = channel.send(composed.message, self.clock())
        except ChannelError as error:
            self._failed(claimed, error, now)
            return not error.away
        except Exception as error:  # noqa: BLE001 - nobody knows how far it came; its text may be personal
            log.error("Channel %s broke: %s", claimed.channel, type(error).__name__)  # noqa: TRY400
            self._failed(claimed, ChannelError(type(error).__name__, uncertain=True), now)
            return True
        reach("7 deliver: handed over")
        self._sent = HandedOver(claimed, now, provider_id)
        self._outages.pop(claimed.channel, None)
        return True

    def _begin(self, claimed: Claimed, now: Instant) -> Composed | Look:
        """Mark it, in one transaction with the end of the one before. If it breaks, that one is settled alone."""
        hands = self._hands()
        if handover.waits(claimed, hands, now):
            self._settle_sent()
            return Look.LATER
        with transaction.atomic():
            self._record_sent()
            found = handover.mark(claimed, hands, now)
        self._sent = None
        return found

    def _settle_sent(self) -> None:
        """Settle what was sent in a transaction of its own. If that breaks, it becomes unknown when its lease lapses."""
        if self._sent is None:
            return
        try:
            with transaction.atomic():
                self._record_sent()
        finally:
            self._sent = None
        reach("7 deliver: settled")

    def _record_sent(self) -> None:
        if self._sent is None:
            return
        claimed, at, provider_id = self._sent
        self._settle(claimed, DeliveryStatus.SENT, provider_id=provider_id)
        ledger.move({claimed.ledger_key: at})
        ledger.commit({claimed.ledger_key: provider_id})

    # --- What went wrong ---

    def _failed(self, claimed: Claimed, error: ChannelError, handed: Instant) -> None:
        now, reason = self.clock(), str(error)
        if error.away or error.uncertain:
            self._wait_for(claimed.channel, reason, now)
        with transaction.atomic():
            if error.away:
                claims.put_back(claimed.id, now, reason, token=self.token, counted=False)
            elif error.uncertain:
                self._settle(claimed, DeliveryStatus.UNKNOWN, reason=reason)
                ledger.move({claimed.ledger_key: handed})
                ledger.unknown([claimed.ledger_key], reason)
            elif error.permanent or claimed.tries >= len(BACK_OFF):
                self._settle(claimed, DeliveryStatus.FAILED, reason=reason)
                ledger.release({claimed.ledger_key: reason})
            else:
                again = now + wait_before(claimed.key, claimed.tries, error.retry_after)
                claims.put_back(claimed.id, again, reason, token=self.token, counted=True)
                claims.note([(claimed.id, now, "queued", reason, "sender")])
            if error.gone:
                ChannelConfig.objects.filter(name=claimed.channel).update(
                    enabled=False, trouble=reason[:200]
                )

    def _settle(
        self, claimed: Claimed, status: DeliveryStatus, *, reason: str = "", provider_id: str = ""
    ) -> None:
        now = self.clock()
        claims.settle(
            claimed.id, status, now, token=self.token, reason=reason, provider_id=provider_id
        )
        if status is not DeliveryStatus.SENT:
            claims.note([(claimed.id, now, status.value, reason, "sender")])

    # --- Channels ---

    def _hands(self) -> Hands:
        return Hands(self.token, self.oldest)

    def _open(self, name: str, now: Instant) -> Description | None:
        """Return the channel, read afresh, when deliveries may be handed over to it now."""
        until, _ = self._outages.get(name, (0, 0))
        described = registry.descriptions().get(name)
        if described is None or described.pull or not described.enabled or now < until:
            return None
        return described

    def _channel(self, described: Description) -> Channel | None:
        """Return the open channel, opened again when its set-up changed; None, and left alone for a while, when it cannot be opened."""
        known, channel = self._channels.get(described.name, (None, None))
        if channel is not None and known == described:
            return channel
        self._drop(described.name)
        try:
            channel = registry.open_channel(described.name)
        except (DatabaseError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one channel's options stop no other channel
            self._wait_for(described.name, faults.said(error), self.clock())
            return None
        self._channels[described.name] = described, channel
        return channel

    def _drop(self, name: str) -> None:
        _, channel = self._channels.pop(name, (None, None))
        if channel is not None:
            channel.close()

    def _wait_for(self, name: str, reason: str, now: Instant) -> None:
        """Leave a channel alone for a while that doubles."""
        _, last = self._outages.get(name, (0, 0))
        wait = min(_LONGEST_OUTAGE, max(SECOND, 2 * last))
        self._outages[name] = (now + wait, wait)
        self._drop(name)
        log.warning("Channel %s is away (%s); waiting %d s", name, reason, wait // SECOND)


def wait_before(key: str, tries: int, asked: Instant) -> Instant:
    """Return how long to wait after a failed try: longer each time, at least as long as was asked for, and not all at one moment.

    The spread, up to a tenth, comes from the delivery's key: many that failed together do not come again together.
    """
    wait = min(max(BACK_OFF[tries], asked), DAY)
    spread = int.from_bytes(hashlib.sha256(f"{key}/{tries}".encode()).digest()[:4], "big")
    return wait + wait * spread // (10 * 2**32)
