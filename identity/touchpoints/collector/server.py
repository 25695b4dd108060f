"""Runs the collector: two listeners in one process, one thread that writes, two that ask the database: for itself, and for pages."""

import asyncio
import contextlib
import logging
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
import uvloop
from django.conf import settings
from django.db import DatabaseError

from identity import faults
from identity.clock import DAY, now
from identity.privacy.keys import Keys, require_keys
from identity.touchpoints import inbox, installation, sources
from identity.touchpoints.collector import app
from identity.touchpoints.collector.asker import Asker
from identity.touchpoints.collector.collection import Collection
from identity.touchpoints.collector.commits import Committer, Waiting
from identity.touchpoints.collector.http import App
from identity.touchpoints.collector.intake import Intake
from identity.touchpoints.collector.keyring import Keyring
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway, InboxReader
from identity.touchpoints.models import Lane
from identity.touchpoints.payload import Sealer
from identity.touchpoints.public import Route

log = logging.getLogger(__name__)

KEEP = 10_000  # numbers kept behind the positions, so that a database restored to a moment ago still finds its rows
_RENEW = 2.0  # seconds between looks at write keys
_LOOK = 0.5  # seconds between looks at what waits
_DEEPEST = 10_000  # frames: JSON nested a thousand deep is parsed, and refused event by event
_SWITCH = 0.0005  # seconds a thread may keep the interpreter: the writer must not wait long after its disk


def serve(routes: Sequence[Route], stop: threading.Event) -> None:
    """Listen on COLLECTOR_BIND and COLLECTOR_INNER_BIND until told to stop; commits in flight are finished.

    Raises ForeignInbox, Foreign (an inbox or key of another installation) and InboxTaken.
    """
    keys = require_keys(settings.KEYS_FILE)
    sys.setrecursionlimit(max(_DEEPEST, sys.getrecursionlimit()))
    sys.setswitchinterval(_SWITCH)
    writer = inbox.writer()
    try:
        installation.verify_keys(keys)
        installation.verify_inbox(writer.uuid())
        inbox.reader().check()
        own = sources.internal(now()).pk
    except BaseException:
        writer.close()
        raise
    committer = Committer(writer, Sealer(keys.inbox), now, settings.INBOX_LIMIT)
    committer.start()
    try:
        uvloop.run(_Process(committer, keys, own).run(routes, stop))
    finally:
        committer.stop()


@dataclass
class _Process:
    """What lives in the event loop."""

    committer: Committer
    keys: Keys
    own: int

    async def run(self, routes: Sequence[Route], stop: threading.Event) -> None:
        asker, pages = Asker(), Asker()
        keyring = Keyring(asker.ask, now)
        await keyring.renew()
        look = _Look(self.committer.waiting)
        intake = Intake(self.committer, keyring, self.own, settings.RETENTION_DAYS * DAY)
        collection = Collection(intake, settings.COLLECTOR_URL)
        public = app.application(app.public(collection, routes, pages.read, now))
        async with (
            _listening(public, settings.COLLECTOR_BIND) as outer,
            _listening(app.inner(intake, self.keys.door), settings.COLLECTOR_INNER_BIND) as inner,
            _repeated(keyring.renew, _RENEW),
            _repeated(lambda: _look(asker, look), _LOOK),
        ):
            log.info("Collecting at %s", settings.COLLECTOR_BIND)
            await _told(stop)
            outer.should_exit = inner.should_exit = True
        await asyncio.gather(asker.close(), pages.close())


class _Look:
    """Looks at where the lane stands: what waits, and what may be deleted."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._reader: InboxReader = inbox.reader()

    def __call__(self) -> None:
        backlog = self._reader.backlog()
        lane = Lane.objects.filter(pk=1).first()
        self._waiting.live, self._waiting.history = backlog.live, backlog.history
        if lane is not None:
            self._waiting.keep_from_live = lane.live_position - KEEP
            self._waiting.keep_from_history = lane.history_position - KEEP


async def _look(asker: Asker, look: _Look) -> None:
    try:
        await asker.ask(look)
    except (DatabaseError, ForeignInbox, InboxAway) as error:
        log.warning("The lane's position cannot be read: %s", faults.said(error))


class _Server(uvicorn.Server):
    """Leaves signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _listening(application: App, bind: str) -> AsyncIterator[uvicorn.Server]:
    """Serve until the server's `should_exit` is set; then finish the requests that are being answered."""
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([_socket(bind)]))
    try:
        yield server
    finally:
        server.should_exit = True
        await task


def _socket(bind: str) -> socket.socket:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=2048)


@asynccontextmanager
async def _repeated(work: Callable[[], Any], seconds: float) -> AsyncIterator[None]:
    async def repeat() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - it is done again, and what it reports must not stop for good
                log.error("A regular task of the collector failed: %s", faults.traced(error))  # noqa: TRY400
            await asyncio.sleep(seconds)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _told(stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.05)
