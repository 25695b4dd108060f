"""What each role of `manage.py worker` does until it is told to stop."""

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import close_old_connections, connection

from activation.deliveries import crew
from dmp_site import jobs, public
from dmp_site.processes.console import serve_console
from dmp_site.processes.garbage import collect_seldom
from dmp_site.processes.lane import LaneLoop, attempts_at
from dmp_site.processes.lock import AdvisoryLock, FileLock, LaneLock, application_of
from dmp_site.processes.showing import shown
from dmp_site.processes.standby import Watch, stand_by
from identity import graph
from identity.clock import now
from identity.graph.port import StoreAway
from identity.privacy.keys import require_keys
from identity.touchpoints import collector, inbox, installation, lane

log = logging.getLogger(__name__)


def run_collector(stop: threading.Event) -> None:
    """Receive touchpoints on the public port and on the loopback door."""
    collector.serve(public.routes(), stop)


def run_lane(stop: threading.Event) -> None:
    """Stand by until this is the lane, then work; wait for a graph store that is away. Raises Foreign, ForeignInbox, GraphMissing or LaneSuperseded."""
    store, reader = graph.store(), inbox.reader()
    installation.verify_keys(require_keys(settings.KEYS_FILE))
    installation.verify_inbox(reader.uuid())
    with contextlib.suppress(
        StoreAway
    ):  # who stands by with another's graph is told now, not when the lane is needed
        installation.verify_graph(store.uuid())
    name = lane.name_of(socket.gethostname(), os.getpid())
    with contextlib.closing(_lock(name)) as lock:
        if not stand_by(lock, stop, Watch(lock, settings.LANE_TIMEOUT)):
            return
        reader.check()
        epoch = lane.take_over(name, now())
        loop = LaneLoop(
            graph=store,
            inbox=reader,
            lock=lock,
            attempts=attempts_at(settings.DATA_DIR),
            epoch=epoch,
        )
        if not loop.join(stop):
            return
        log.info("This is the lane now, epoch %d", epoch)
        collect_seldom()
        with shown(store, epoch):
            loop.run(stop)


def _lock(name: str) -> LaneLock:
    """Return the lock that lanes stand by for, unheld: on PostgreSQL one that lanes of other hosts see too."""
    if connection.vendor != "postgresql":
        return FileLock(settings.DATA_DIR / "lane.lock")
    connection.close()  # opened again under the lane's name, for who may have to end it
    connection.settings_dict["OPTIONS"]["application_name"] = application_of(name)
    return AdvisoryLock(name)


def run_send(stop: threading.Event) -> None:
    """Hand due deliveries over to their channels."""
    crew.run(stop)


def run_all(stop: threading.Event) -> None:
    """Do the lane's and the sender's work in one process; when one of them ends, so does the other."""
    sender = threading.Thread(target=_guarded, args=(run_send, stop), name="send")
    sender.start()
    try:
        run_lane(stop)
    finally:
        stop.set()
        sender.join()


def _guarded(role: Callable[[threading.Event], None], stop: threading.Event) -> None:
    try:
        role(stop)
    finally:
        stop.set()
        close_old_connections()


def run_jobs(stop: threading.Event) -> None:
    """Run schedules and long jobs."""
    jobs.serve(stop)


ROLES: Mapping[str, Callable[[threading.Event], None]] = {
    "collector": run_collector,
    "lane": run_lane,
    "send": run_send,
    "all": run_all,
    "jobs": run_jobs,
    "console": serve_console,
}
