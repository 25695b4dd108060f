"""Replays the recorded stream on an empty installation: the lane, the sender, and what comes back about what was sent.

Everything that could differ from one run to the next is given: keys, ids of the sources, the clock, the cuts.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import time
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from activation.channels.port import Channel, ChannelError, Message
from activation.deliveries import events
from activation.deliveries.reports import Reporter
from activation.deliveries.send import Sender
from activation.deliveries.tokens import Sent
from activation.pressure.models import QuietHours
from benchmarks.road import world
from dmp_site.processes.care import BATCH, Care
from identity.clock import SECOND, Instant
from identity.graph.port import StoreAway
from identity.profiles import fold
from identity.profiles.types import Resolved
from identity.sql import fetch
from identity.touchpoints import aside, door, sources
from identity.touchpoints.inbox.port import NewRow
from identity.touchpoints.models import SetAside, Source
from identity.touchpoints.types import BatchContext, Mode
from tests.road import START, Road
from tests.same.stream import CRM, DEADLY, SITE, Cut, Recorded, Row

_OF_ADDRESS = {"Unsubscribed", "Email Bounced", "Email Marked as Spam"}
_PATIENCE = 20  # tries of a round that met an outage
_MAILS = 15  # that the sender hands over after a cut
_SENT = (
    "SELECT d.key, o.key, COALESCE(a.key, ''), d.channel, d.message_class, d.handed_at FROM activation_delivery AS d"
    " JOIN identity_identifier AS o ON o.id = d.owner_id LEFT JOIN identity_identifier AS a ON a.id = d.address_id"
    " WHERE d.key = %s"
)


class Postbox(Channel):
    """A mail server that takes what it is given, and whose moods depend on the address alone. `taken`: keys of messages."""

    addressed_by = "email"
    taken: list[str] = []

    def send(self, message: Message, now: Instant) -> str:
        mood = hashlib.sha256(message.address.encode()).digest()[0]
        if mood < 16:
            raise ChannelError("no such mailbox", permanent=True)
        if mood < 24:
            raise ChannelError("it hung up", uncertain=True)
        if mood < 32:
            raise ChannelError("too busy", retry_after=SECOND)
        self.taken.append(message.key)
        return ""


class Replay:
    """An installation with the marketer's world of the benchmarks, through which a stream goes."""

    def __init__(self, directory: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        _fixed_settings(directory, settings)
        self._monkeypatch = monkeypatch
        self._road = Road(directory)
        # Neo4j would take more at once.
        self._road.loop.care.update({mode: Care.of(BATCH) for mode in Mode})
        self._sources = {SITE: self._road.source, CRM: self._road.make_source(CRM, "crm")}
        sources.change(self._sources[CRM].pk, {"group_is_household": True}, START, actor="tests")
        self._own = sources.internal(START)
        for source in Source.objects.all():
            Source.objects.filter(pk=source.pk).update(uuid=uuid5(NAMESPACE_URL, source.name))
        world.build(START)
        QuietHours.objects.create(name="night", start=time(22), end=time(7))
        Postbox.taken.clear()
        self._sender = Sender(
            clock=lambda: self._road.now, oldest=self._road.reader.oldest_wish, token="sender"
        )
        self._reporter = Reporter(clock=lambda: self._road.now, post=self._post)

    def run(self, stream: Recorded) -> None:
        """Let the stream through; half-way what was fatal is mended, and what was set aside for it is taken again."""
        cuts = list(stream.cuts())
        self._rest()
        with self._failing():
            self._through(cuts[: len(cuts) // 2])
        for row in SetAside.objects.filter(state="aside").order_by("number")[::2]:
            aside.retry(row.number, "tests", self._road.now)
        self._through(cuts[len(cuts) // 2 :])

    def close(self) -> None:
        self._sender.close()
        self._road.writer.close()

    def _through(self, cuts: Sequence[Cut]) -> None:
        for cut in cuts:
            self._road.now = cut.now
            self._append([self._sealed(row) for row in cut.rows])
            self._rest()
            self._send()

    def _rest(self) -> None:
        """Let the lane work until nothing is left to do; a store that takes too long on a busy machine is asked again."""
        for _ in range(_PATIENCE):
            with suppress(StoreAway):
                return self._road.run()
        raise AssertionError("a store was away each time")

    def _append(self, rows: Sequence[NewRow]) -> None:
        self._road.writer.append(rows, self._road.now)

    def _sealed(self, row: Row) -> NewRow:
        source = self._sources[row.source]
        if isinstance(row.event, bytes):
            return NewRow(source.pk, row.mode, row.event)
        return self._road.row(row.event, row.mode, source)

    # --- Messages ---

    def _send(self) -> None:
        """Hand over a few messages; what is said about them comes in with the next cut."""
        before = len(Postbox.taken)
        self._sender.run_once(_MAILS)
        self._reporter.run_once()
        told = [
            event
            for number, key in enumerate(Postbox.taken[before:], before)
            for event in _reactions(number, Sent(*fetch(_SENT, [key])[0]))
        ]
        if told:
            self._post(told)

    def _post(self, told: Sequence[dict[str, Any]]) -> Sequence[door.Refused]:
        self._append([self._road.row(event, source=self._own) for event in told])
        return ()

    # --- What fails ---

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Let stage 3 raise at every batch that holds a deadly event, after stage 1 has recorded it."""
        real: Callable[[Resolved, BatchContext], None] = fold.fold

        def failing(resolved: Resolved, context: BatchContext) -> None:
            if any(each.touchpoint.event == DEADLY for each in resolved.arrivals):
                raise ValueError("a touchpoint that cannot be folded")
            real(resolved, context)

        with self._monkeypatch.context() as patched:
            patched.setattr(fold, "fold", failing)
            yield


def _reactions(number: int, sent: Sent) -> Iterator[dict[str, Any]]:
    """Yield what people, machines and servers do about the message of this number."""
    said = []
    if number % 2 == 0:
        said.append(("Email Opened", {"open_kind": "human" if number % 4 else "proxy"}))
    if number % 5 == 0:
        said.append(("Email Link Clicked", {"url": f"https://shop.example/{number}"}))
    if number % 11 == 0:
        said.append(("Email Bounced", {"bounce_type": "soft" if number % 2 else "hard"}))
    if number % 23 == 0:
        said.append(("Unsubscribed" if number % 2 else "Email Marked as Spam", {}))
    for position, (name, properties) in enumerate(said):
        event = events.event_of(sent, name, both=name in _OF_ADDRESS, **properties)
        yield event | {"messageId": f"reaction-{number}-{position}"}


def _fixed_settings(directory: Path, settings: Any) -> None:
    keys = directory / "keys.json"
    keys.write_text(json.dumps({"root": "5a" * 32}))
    settings.KEYS_FILE = keys
    channels = copy.deepcopy(settings.CHANNELS)
    channels["email"] = {"BACKEND": "tests.same.replay.Postbox"}
    settings.CHANNELS = channels
