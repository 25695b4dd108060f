"""The process that sends: one thread for each channel that is handed over to, so that one that hangs holds up no other.

The first thread looks which channels there are, and reports what was sent.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.db import DatabaseError, close_old_connections

from activation.channels import registry
from activation.deliveries import reports
from activation.deliveries.send import Sender
from identity.clock import now as clock_now
from identity.errors import DomainError
from identity.privacy import waiting
from identity.touchpoints import inbox

log = logging.getLogger(__name__)

BATCH = 50
IDLE = 0.05  # seconds between looks at an empty queue and for new channels
_LONGEST_WAIT = 10.0
_GRACE = 5.0  # seconds that a thread may take to end; what it has in hand then becomes unknown


def run(stop: threading.Event) -> None:
    """Deliver until told to stop. A store that is away is waited for; what kills a thread ends the process."""
    crew = Crew(stop)
    reporter = reports.Reporter(clock=clock_now)

    def look() -> int:
        crew.muster()
        return reporter.run_once()

    try:
        _repeat(look, stop)
    finally:
        stop.set()
        crew.join()
        close_old_connections()
    crew.blame()


@dataclass
class Crew:
    """The threads that send, by channel."""

    stop: threading.Event
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _fault: BaseException | None = None

    def muster(self) -> None:
        """Start a thread for each channel that has none yet; that of one that went away finds nothing to do."""
        for name, described in registry.descriptions().items():
            if not described.pull and name not in self._threads:
                thread = threading.Thread(
                    target=self._work, args=(name,), name=f"send {name}", daemon=True
                )
                self._threads[name] = thread
                thread.start()

    def join(self) -> None:
        """Wait a little for what is in hand."""
        for thread in self._threads.values():
            thread.join(_GRACE)

    def blame(self) -> None:
        """Raise what killed a thread."""
        if self._fault is not None:
            raise self._fault

    def _work(self, name: str) -> None:
        oldest = partial(waiting.oldest, inbox.reader())
        sender = Sender(clock=clock_now, oldest=oldest, only=name, stop=self.stop)
        try:
            _repeat(partial(sender.run_once, BATCH), self.stop)
        except BaseException as fault:  # noqa: BLE001 - raised again by the first thread
            self._fault = fault
            self.stop.set()
        finally:
            sender.close()
            close_old_connections()


def _repeat(work: Callable[[], int], stop: threading.Event) -> None:
    """Work until told to stop: at once again while there is something to do, later and later while a store is away."""
    wait = IDLE
    while not stop.is_set():
        try:
            wait = 0.0 if work() else IDLE
        except (DatabaseError, OSError, DomainError) as error:
            wait = min(_LONGEST_WAIT, max(0.5, wait * 2))
            said = str(error) if isinstance(error, DomainError) else type(error).__name__
            log.warning("A store is away (%s); waiting %.1f s", said, wait)
            close_old_connections()
        stop.wait(wait)
