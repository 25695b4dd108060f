"""The group commit while its store hangs: senders are told to come again, and what they were told is true."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import msgspec
import pytest

from identity.clock import Instant
from identity.touchpoints.collector import commits
from identity.touchpoints.collector.commits import Committer
from identity.touchpoints.decode import Refused
from identity.touchpoints.inbox.port import InboxAway, InboxWriter, NewRow
from identity.touchpoints.payload import Sealer, unseal
from identity.touchpoints.types import Mode

KEY = b"k" * 32


class Store(InboxWriter):
    """Keeps rows in memory, and hangs while it is frozen."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.appending = threading.Event()
        self.thawed = threading.Event()
        self.thawed.set()
        self.closed = False
        self.away = 0  # appends that fail yet

    def uuid(self) -> UUID:
        return uuid4()

    def append(self, rows: Sequence[NewRow], now: Instant) -> int:
        self.appending.set()
        self.thawed.wait()
        if self.away:
            self.away -= 1
            raise InboxAway("the disk is full")
        self.kept += [unseal(KEY, row.payload) for row in rows]
        return len(self.kept)

    def prune(self, *, keep_from_live: int, keep_from_history: int) -> int:
        return 0

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.thawed.set()


@pytest.fixture
def committer(store: Store, monkeypatch: pytest.MonkeyPatch) -> Committer:
    monkeypatch.setattr(commits, "PATIENCE", 0.3)
    monkeypatch.setattr(commits, "STOP_WITHIN", 0.3)
    made = Committer(store, Sealer(KEY), lambda: 1, limit=1_000)
    made.start()
    return made


def row(payload: bytes) -> list[NewRow]:
    return [NewRow(1, Mode.LIVE, payload)]


def test_what_hangs_is_said_to_be_away_and_what_waits_behind_it_is_not_stored(
    store: Store, committer: Committer
) -> None:
    async def send() -> None:
        await committer.submit(row(b"before"))
        store.thawed.clear()
        store.appending.clear()
        first = asyncio.create_task(committer.submit(row(b"in the commit that hangs")))
        while not store.appending.is_set():
            await asyncio.sleep(0.01)
        second = asyncio.create_task(committer.submit(row(b"behind it")))
        outcomes = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [InboxAway, InboxAway]
        store.thawed.set()
        await committer.submit(row(b"after"))
        assert committer.has_room(Mode.LIVE)

    asyncio.run(send())
    committer.stop()
    assert store.kept == [b"before", b"in the commit that hangs", b"after"]
    assert committer._queued == 0
    assert store.closed


def test_it_ends_although_its_store_hangs(store: Store, committer: Committer) -> None:
    async def send() -> None:
        store.thawed.clear()
        with pytest.raises(InboxAway):
            await committer.submit(row(b"hangs"))

    asyncio.run(send())
    committer.stop()
    assert not store.closed
    assert store.kept == []


def test_counts_of_refused_events_wait_for_an_inbox_that_is_away(
    store: Store, committer: Committer
) -> None:
    async def send() -> None:
        store.away = 2
        for number in range(30):
            committer.refuse(1, "wrong_type", f"the {number}th")
            if number % 10 == 0:
                with contextlib.suppress(InboxAway):
                    await committer.submit(row(b"event"))
        committer.refuse(2, "wrong_type", "another source's")

    asyncio.run(send())
    committer.stop()
    counted: Counter[tuple[int, str]] = Counter()
    details = {}
    for payload in store.kept:
        if payload != b"event":
            for each in msgspec.json.decode(payload, type=list[Refused]):
                counted[each.source, each.reason] += each.count
                details[each.source] = each.detail
    assert counted == {(1, "wrong_type"): 30, (2, "wrong_type"): 1}
    assert details == {1: "the 29th", 2: "another source's"}
    assert store.away == 0


def test_an_end_while_the_inbox_is_away_comes(store: Store, committer: Committer) -> None:
    store.away = 1_000_000
    committer.refuse(1, "wrong_type", "the field")
    committer.stop()
    assert store.closed
