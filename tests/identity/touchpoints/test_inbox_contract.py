"""What every inbox promises, whatever keeps it."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import transaction

from identity.touchpoints.inbox.port import (
    ForeignInbox,
    Inbox,
    InboxTaken,
    InboxWriter,
    NewRow,
)
from identity.touchpoints.models import Lane
from identity.touchpoints.types import Mode

NOW = 1_700_000_000_000


def at_most(rows: int) -> dict[Mode, int]:
    return dict.fromkeys(Mode, rows)


@contextlib.contextmanager
def writing(inbox: Inbox, start: int = NOW) -> Iterator[InboxWriter]:
    """Open a writer whose clock moves on by a millisecond with each look."""
    clock = itertools.count(start)
    writer = inbox.writer(lambda: next(clock))
    try:
        yield writer
    finally:
        writer.close()


def live(*payloads: bytes) -> list[NewRow]:
    return [NewRow(1, Mode.LIVE, payload) for payload in payloads]


def history(*payloads: bytes) -> list[NewRow]:
    return [NewRow(2, Mode.HISTORY, payload) for payload in payloads]


def test_rows_come_back_in_the_order_of_their_numbers(inbox: Inbox) -> None:
    with writing(inbox) as writer:
        first = writer.append(live(b"a", b"b"), NOW)
        second = writer.append(live(b"c"), NOW)
    claim = inbox.reader().claim(at_most(10), NOW + 100)
    assert [row.payload for row in claim.rows] == [b"a", b"b", b"c"]
    assert [row.number for row in claim.rows] == [first, first + 1, second]
    assert second == first + 2
    assert {row.source for row in claim.rows} == {1}


def test_times_of_receipt_never_fall(inbox: Inbox) -> None:
    with writing(inbox) as writer:
        writer.append(live(b"a"), NOW + 5_000)
        writer.append(live(b"b"), NOW)
    with writing(inbox, NOW - 60_000) as writer:
        writer.append(live(b"c"), NOW - 60_000)
    times = [row.received_at for row in inbox.reader().claim(at_most(10), NOW + 9_000).rows]
    assert times == sorted(times)
    assert times[0] >= NOW + 5_000


def test_live_rows_go_before_history(inbox: Inbox) -> None:
    reader = inbox.reader()
    with writing(inbox) as writer:
        writer.append(history(b"old", b"older") + live(b"fresh"), NOW)
        claim = reader.claim(at_most(10), NOW + 100)
        assert (claim.mode, [row.payload for row in claim.rows]) == (Mode.LIVE, [b"fresh"])
        reader.settle(claim)
        claim = reader.claim(at_most(1), NOW + 100)
        assert (claim.mode, [row.payload for row in claim.rows]) == (Mode.HISTORY, [b"old"])
        reader.settle(claim)
        writer.append(live(b"fresher"), NOW)
        assert reader.claim(at_most(10), NOW + 100).rows[0].payload == b"fresher"


def test_an_unsettled_claim_is_claimed_again(inbox: Inbox) -> None:
    reader = inbox.reader()
    with writing(inbox) as writer:
        writer.append(live(b"a", b"b"), NOW)
    claim = reader.claim(at_most(10), NOW + 100)
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        reader.settle(claim)
        raise ZeroDivisionError
    assert inbox.reader().claim(at_most(10), NOW + 100).rows == claim.rows


def test_halves_of_a_claim_are_settled_one_by_one(inbox: Inbox) -> None:
    reader = inbox.reader()
    with writing(inbox) as writer:
        writer.append(live(b"a", b"b", b"c"), NOW)
    claim = reader.claim(at_most(10), NOW + 100)
    reader.settle(replace(claim, rows=claim.rows[:1]))
    assert [row.payload for row in reader.claim(at_most(10), NOW + 100).rows] == [b"b", b"c"]
    reader.settle(replace(claim, rows=claim.rows[1:]))
    assert not reader.claim(at_most(10), NOW + 100).rows


def test_numbers_are_never_given_twice(inbox: Inbox) -> None:
    reader = inbox.reader()
    with writing(inbox) as writer:
        first = writer.append(live(b"a") + history(b"b"), NOW)
        for _ in Mode:
            reader.settle(reader.claim(at_most(10), NOW + 100))
        writer.prune(keep_from_live=first + 10, keep_from_history=first + 10)
    with writing(inbox) as writer:
        assert writer.append(live(b"c"), NOW) == first + 2


def test_the_horizon_of_an_empty_or_emptied_inbox_is_now(inbox: Inbox) -> None:
    assert inbox.reader().claim(at_most(10), NOW).horizon == NOW
    with writing(inbox) as writer:
        writer.append(live(b"a"), NOW)
    assert inbox.reader().claim(at_most(10), NOW + 100).horizon == NOW + 100


def test_the_horizon_of_a_full_claim_stops_at_what_it_left(inbox: Inbox) -> None:
    with writing(inbox) as writer:
        writer.append(live(b"a"), NOW)
        writer.append(live(b"b"), NOW + 10)
        writer.append(live(b"c"), NOW + 20)
    claim = inbox.reader().claim(at_most(2), NOW + 1000)
    assert claim.rows[-1].payload == b"b"
    assert claim.horizon == claim.rows[-1].received_at < NOW + 20


def test_history_holds_no_wake_up_back(inbox: Inbox) -> None:
    with writing(inbox) as writer:
        writer.append(history(b"a", b"b", b"c"), NOW)
    assert inbox.reader().claim(at_most(1), NOW + 100).horizon == NOW + 100


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_row_received_before_the_horizon_is_visible(inbox: Inbox) -> None:
    """Commits run without pause while claims look: none may show, later, a row stamped before an earlier horizon."""
    ticks = itertools.count(NOW)
    stop = threading.Event()

    def write() -> None:
        writer = inbox.writer(lambda: next(ticks))
        while not stop.is_set():
            writer.append(live(b"x" * 100), next(ticks))
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    reader, seen, horizon = inbox.reader(), 0, 0
    try:
        for _ in range(300):
            claim = reader.claim(at_most(50), next(ticks))
            assert all(row.received_at >= horizon for row in claim.rows)
            assert claim.horizon >= horizon
            horizon, seen = claim.horizon, seen + len(claim.rows)
            reader.settle(claim)
    finally:
        stop.set()
        thread.join()
    assert seen


def test_the_backlog_counts_what_waits(inbox: Inbox) -> None:
    reader = inbox.reader()
    assert (reader.backlog().live, reader.backlog().oldest) == (0, None)
    with writing(inbox) as writer:
        writer.append(live(b"a"), NOW)
        writer.append(history(b"b", b"c") + live(b"d"), NOW + 10)
        first = reader.claim(at_most(1), NOW + 100)
        assert (reader.backlog().live, reader.backlog().history) == (2, 2)
        assert reader.backlog().oldest == first.rows[0].received_at
        reader.settle(first)
        writer.prune(keep_from_live=first.rows[0].number + 1, keep_from_history=0)
        assert (reader.backlog().live, reader.backlog().history) == (1, 2)
        assert reader.backlog().oldest == NOW + 10


def test_the_oldest_wish_is_the_first_that_waits_in_either_mode(inbox: Inbox) -> None:
    reader = inbox.reader()
    assert reader.oldest_wish() is None
    with writing(inbox) as writer:
        writer.append(live(b"a") + history(b"b"), NOW)
        assert reader.oldest_wish() is None
        writer.append([NewRow(2, Mode.HISTORY, b"c", wish=True)], NOW + 10)
        writer.append([NewRow(1, Mode.LIVE, b"d", wish=True), *live(b"e")], NOW + 20)
    assert reader.oldest_wish() == NOW + 10
    reader.settle(reader.claim(at_most(10), NOW + 100))
    assert reader.oldest_wish() == NOW + 10
    reader.settle(reader.claim(at_most(10), NOW + 100))
    assert reader.oldest_wish() is None


def test_a_second_writer_is_refused(inbox: Inbox) -> None:
    with writing(inbox), pytest.raises(InboxTaken):
        inbox.writer(lambda: NOW)
    with writing(inbox) as writer:
        assert writer.append(live(b"a"), NOW)


def test_pruning_keeps_what_is_not_behind_and_rests_for_a_backup(inbox: Inbox) -> None:
    with writing(inbox) as writer:
        first = writer.append(live(b"a", b"b", b"c") + history(b"d"), NOW)
        with inbox.rest():
            assert writer.prune(keep_from_live=first + 2, keep_from_history=first) == 0
        assert writer.prune(keep_from_live=first + 2, keep_from_history=first) == 2
        assert writer.prune(keep_from_live=first + 2, keep_from_history=first) == 0
    claim = inbox.reader().claim(at_most(10), NOW + 100)
    assert [row.payload for row in claim.rows] == [b"c"]


def test_an_inbox_that_lost_rows_is_refused(inbox: Inbox) -> None:
    reader = inbox.reader()
    with writing(inbox) as writer:
        first = writer.append(live(b"a", b"b", b"c"), NOW)
        reader.settle(reader.claim(at_most(2), NOW + 100))
        writer.prune(keep_from_live=first + 2, keep_from_history=0)
        reader.check()
        Lane.objects.update(live_position=first)
    with pytest.raises(ForeignInbox, match="older copy"):
        reader.check()


def test_an_emptied_inbox_is_refused(inbox: Inbox) -> None:
    inbox.reader().check()
    Lane.objects.update(history_position=7)
    with pytest.raises(ForeignInbox, match="emptied"):
        inbox.reader().check()


def test_made_once_it_keeps_its_uuid(inbox: Inbox) -> None:
    with writing(inbox) as writer:
        assert inbox.make() == inbox.reader().uuid() == writer.uuid()
