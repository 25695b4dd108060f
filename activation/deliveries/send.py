"""The sender: takes due deliveries and hands them over, one at a time, with everything that may say no read again before.

    leased -> looked at -> marked `handing_over`, committed -> network call -> settled, committed

No network call happens in a transaction, and nothing is handed over that is not marked: a crash in between leaves one delivery
`unknown`, which is never sent again by itself.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from django.db import DatabaseError, close_old_connections, transaction

from activation.channels import registry
from activation.channels.models import ChannelConfig
from activation.channels.port import Channel, ChannelError
from activation.channels.registry import Description
from activation.deliveries import claims, reports
from activation.deliveries.claims import Claimed
from activation.deliveries.composing import Composed
from activation.deliveries.handover import Hands, Look, begin, give_up_lost
from activation.deliveries.types import DeliveryStatus
from activation.pressure import ledger
from identity.clock import MINUTE, SECOND, Instant
from identity.clock import now as clock_now
from identity.stages import reach
from identity.touchpoints import inbox
from identity.touchpoints.inbox.port import InboxReader

log = logging.getLogger(__name__)

BATCH = 50
IDLE = 0.05  # seconds between looks at an empty queue
BACK_OFF = (MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE)  # after each failed try; then it failed
_LONGEST_OUTAGE = 60 * SECOND
_LONGEST_WAIT = 10.0


@dataclass
class Sender:
    """One sender with its connections. `oldest`: when the first row was received that the lane has not processed, if any."""

    clock: Callable[[], Instant]
    oldest: Callable[[], Instant | None]
    token: str = field(default_factory=lambda: str(uuid4()))
    _channels: dict[str, Channel] = field(default_factory=dict)
    _outages: dict[str, tuple[Instant, Instant]] = field(default_factory=dict)

    def run_once(self, limit: int) -> int:
        """Take what is due and hand it over; return how many deliveries were dealt with."""
        now = self.clock()
        give_up_lost(now)
        known = registry.descriptions()
        open_now = [name for name, one in known.items() if self._is_open(one, now)]
        taken = claims.take(self.token, open_now, now, limit) if open_now else []
        reach("7 deliver: claimed")
        return sum(self._deliver(claimed, known) for claimed in taken)

    def close(self) -> None:
        """Let go of all connections."""
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    # --- One delivery ---

    def _deliver(self, claimed: Claimed, known: Mapping[str, Description]) -> bool:
        if not self._is_open(known[claimed.channel], self.clock()):
            return False  # its channel went away while this batch was on its way
        channel = self._channel(claimed.channel)
        if channel is None:
            return False
        hands = Hands(self.token, known, self.oldest())
        composed = begin(claimed, hands, self.clock())
        if not isinstance(composed, Composed):
            return composed is Look.GONE
        reach("7 deliver")
        try:
            provider_id = channel.send(composed.message, self.clock())
        except ChannelError as error:
            self._failed(claimed, error)
            return not error.away
        except Exception as error:  # noqa: BLE001 - nobody knows how far it came; its text may be personal
            log.error("Channel %s broke: %s", claimed.channel, type(error).__name__)  # noqa: TRY400
            self._failed(claimed, ChannelError(type(error).__name__, uncertain=True))
            return True
        reach("7 deliver: handed over")
        with transaction.atomic():
            self._settle(claimed, DeliveryStatus.SENT, provider_id=provider_id)
            ledger.commit({claimed.ledger_key: provider_id})
        self._outages.pop(claimed.channel, None)
        reach("7 deliver: settled")
        return True

    # --- What went wrong ---

    def _failed(self, claimed: Claimed, error: ChannelError) -> None:
        now, reason = self.clock(), str(error)
        with transaction.atomic():
            if error.away or error.uncertain:
                self._wait_for(claimed.channel, reason, now)
            if error.away:
                claims.put_back(claimed.id, now, reason, token=self.token, counted=False)
            elif error.uncertain:
                self._settle(claimed, DeliveryStatus.UNKNOWN, reason=reason)
                ledger.unknown([claimed.ledger_key], reason)
            elif error.permanent or claimed.tries >= len(BACK_OFF):
                self._settle(claimed, DeliveryStatus.FAILED, reason=reason)
                ledger.release({claimed.ledger_key: reason[:200]})
            else:
                claims.put_back(
                    claimed.id,
                    now + BACK_OFF[claimed.tries],
                    reason,
                    token=self.token,
                    counted=True,
                )
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

    def _channel(self, name: str) -> Channel | None:
        """Return the open channel; None when it is set up so that it cannot be opened: then it is left alone for a while."""
        try:
            if name not in self._channels:
                self._channels[name] = registry.open_channel(name)
        except (DatabaseError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - one channel's options stop no other channel
            self._wait_for(name, f"{type(error).__name__}: {error}", self.clock())
            return None
        return self._channels[name]

    def _is_open(self, channel: Description, now: Instant) -> bool:
        until, _ = self._outages.get(channel.name, (0, 0))
        return not channel.pull and channel.enabled and now >= until

    def _wait_for(self, name: str, reason: str, now: Instant) -> None:
        """Leave a channel alone for a while that doubles, so that its outage holds up nobody else."""
        _, last = self._outages.get(name, (0, 0))
        wait = min(_LONGEST_OUTAGE, max(SECOND, 2 * last))
        self._outages[name] = (now + wait, wait)
        opened = self._channels.pop(name, None)
        if opened is not None:
            opened.close()
        log.warning("Channel %s is away (%s); waiting %d s", name, reason, wait // SECOND)


def run_once(now: Instant, limit: int) -> int:
    """Deliver once at this moment, with connections of its own."""
    sender = Sender(clock=lambda: now, oldest=_oldest(inbox.reader()))
    try:
        return sender.run_once(limit)
    finally:
        sender.close()


def run(stop: threading.Event) -> None:
    """Deliver until told to stop. A database that is away is waited for."""
    sender = Sender(clock=clock_now, oldest=_oldest(inbox.reader()))
    reporter = reports.Reporter(clock=clock_now)
    wait = IDLE
    try:
        while not stop.is_set():
            try:
                done = sender.run_once(BATCH)
                done += reporter.run_once()
                wait = 0.0 if done else IDLE
            except (DatabaseError, OSError) as error:
                wait = min(_LONGEST_WAIT, max(0.5, wait * 2))
                log.warning("A store is away (%s); waiting %.1f s", type(error).__name__, wait)
                close_old_connections()
            stop.wait(wait)
    finally:
        sender.close()
        close_old_connections()


def _oldest(reader: InboxReader) -> Callable[[], Instant | None]:
    return lambda: reader.backlog().oldest
