"""Standing by for the lane's lock, and cutting off a lane that holds it and hangs where no supervisor of ours can kill it."""

import logging
import threading
import time
from dataclasses import dataclass, field

from django.db import close_old_connections

from dmp_site.processes.children import Pulse, lane_patience
from dmp_site.processes.lock import LaneLock
from identity.clock import Instant
from identity.touchpoints import lane

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds between tries to take the lock


@dataclass
class Watch:
    """Watches the lane that holds `lock`: it hangs when its heartbeat has not changed for `limit` seconds of the monotonic clock, times its patience.

    A lane that has just taken the lock has as long to begin.
    """

    lock: LaneLock
    limit: float
    started: float = field(default_factory=time.monotonic)
    _holder: int | None = None

    def __post_init__(self) -> None:
        self._pulse = Pulse(self._sign, self.limit, times=lane_patience)

    def evicts(self, moment: float) -> bool:
        """Cut the lane off when it hangs; return whether it was."""
        if not self._pulse(moment, self.started) or not self.lock.evict(self._holder):
            return False
        self.started = moment
        return True

    def _sign(self) -> tuple[int | None, Instant | None]:
        """Return what changes while a lane works, and when another one takes the lock."""
        self._holder = self.lock.holder()
        try:
            return self._holder, lane.heartbeat()[1]
        finally:
            close_old_connections()


def stand_by(lock: LaneLock, stop: threading.Event, watch: Watch | None = None) -> bool:
    """Wait for the lock; return False when told to stop first. Raises StoreAway when what keeps it is lost."""
    while not lock.acquire():
        if watch is not None and watch.evicts(time.monotonic()):
            log.warning("The lane hangs: its connections are ended")
        if stop.wait(_LOOK):
            return False
    return True
