"""Beside the lane, in its process: a thread that shows in the graph store to which profile each identifier belongs."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from identity import faults
from identity.graph.port import GraphStore, LaneSuperseded
from identity.profiles import showing

log = logging.getLogger(__name__)

_IDLE = 0.5  # seconds between looks when nothing waits
_AFTER_TROUBLE = 5.0
_END_WITHIN = 2.0


@contextmanager
def shown(store: GraphStore, epoch: int) -> Iterator[None]:
    """Show memberships while the caller works, where the store shows them at all."""
    if not store.shows_members:
        yield
        return
    stop = threading.Event()
    # What it leaves undone waits in the outbox, so a process may end without waiting for it.
    thread = threading.Thread(target=_work, args=(store, epoch, stop), daemon=True, name="members")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_END_WITHIN)


def _work(store: GraphStore, epoch: int, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            stop.wait(_step(store, epoch))
    except LaneSuperseded as error:
        log.info("Memberships are shown by another lane now: %s", error)
    finally:
        connections.close_all()


def _step(store: GraphStore, epoch: int) -> float:
    """Show one batch; return how many seconds to wait before the next."""
    try:
        return 0.0 if showing.show(store, epoch=epoch) else _IDLE
    except LaneSuperseded:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is: profiles are right without it, and its lag is on the health page
        log.warning("Memberships cannot be shown: %s", faults.said(error))
        connections.close_all()
        return _AFTER_TROUBLE
