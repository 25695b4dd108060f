"""The whole road in one process, with a clock that the test holds: events in at the inbox, the lane's loop over real stores."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from dmp_site.processes.attempts import Attempts
from dmp_site.processes.lane import LaneLoop
from dmp_site.processes.lock import FileLock
from identity import graph
from identity.clock import SECOND, Instant
from identity.models import Identifier
from identity.privacy.keys import keys_at
from identity.touchpoints import lane, payload, sources
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.models import Source
from identity.touchpoints.types import Mode
from tests.stores import empty_inbox

START: Instant = 1_790_000_000_000  # 2026-09-21


@dataclass
class Road:
    """Receive events, let time pass, run the lane."""

    directory: Path
    now: Instant = START
    _ids: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.back_end = empty_inbox(self.directory)
        self.writer = self.back_end.writer(lambda: self.now)
        self.reader = self.back_end.reader()
        self.store = graph.store()
        self.store.make()
        self._sealer = payload.Sealer(keys_at(settings.KEYS_FILE).inbox)
        self.source = self.make_source("site", "site")
        self.loop = self.new_lane()

    def make_source(self, name: str, kind: str) -> Source:
        return sources.create(name, kind, self.now, actor="tests")

    def new_lane(self) -> LaneLoop:
        """Take over as a new lane would."""
        epoch = lane.take_over("test", self.now)
        self.store.raise_epoch(epoch)
        lock = FileLock(self.directory / "lane.lock")
        lock.acquire()
        return LaneLoop(
            graph=self.store,
            inbox=self.reader,
            lock=lock,
            attempts=Attempts(self.directory / "lane.attempt"),
            epoch=epoch,
            clock=lambda: self.now,
            stopwatch=lambda: self.now / SECOND,
        )

    def receive(
        self, *events: Mapping[str, Any], mode: Mode = Mode.LIVE, source: Source | None = None
    ) -> int:
        """Put events into the inbox as the collector would; return the number of the first."""
        return self.writer.append([self.row(each, mode, source) for each in events], self.now)

    def row(
        self, event: Mapping[str, Any], mode: Mode = Mode.LIVE, source: Source | None = None
    ) -> NewRow:
        """Return what the collector would store of an event."""
        return NewRow((source or self.source).pk, mode, self._sealer.seal(self._packed(event)))

    def receive_raw(self, sealed: bytes) -> int:
        return self.writer.append([NewRow(self.source.pk, Mode.LIVE, sealed)], self.now)

    def run(self) -> None:
        """Let the lane work until nothing is left to do at this instant."""
        for _ in range(1_000):
            if not self.loop.step():
                return
        raise AssertionError("the lane never came to rest")

    def owner(self, key: str) -> int:
        """Return the row id of an identifier."""
        return Identifier.objects.get(key=key).pk

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.run()

    def _packed(self, event: Mapping[str, Any]) -> bytes:
        full = {"messageId": f"message-{next(self._ids)}", "type": "track", **event}
        return payload.pack(b"{}", msgspec.json.encode(full))
