"""What only an inbox in PostgreSQL meets: connections that the server ends, and locks that it gives back late."""

import contextlib
from collections.abc import Iterator

import pytest
from django.db import transaction

from identity import postgres
from identity.graph.port import LaneSuperseded
from identity.sql import fetch
from identity.touchpoints.inbox.port import Inbox, InboxAway, InboxWriter, NewRow
from identity.touchpoints.types import Mode
from tests.environment import STORES

pytestmark = [
    pytest.mark.skipif(STORES == "sqlite", reason="needs an inbox in PostgreSQL"),
    pytest.mark.django_db(transaction=True),
]

NOW = 1_700_000_000_000
WRITERS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'filrouge collector' AND datname = current_database()"


@pytest.fixture
def writer(inbox: Inbox) -> Iterator[InboxWriter]:
    with contextlib.closing(inbox.writer(lambda: NOW)) as opened:
        yield opened


def row(payload: bytes) -> list[NewRow]:
    return [NewRow(1, Mode.LIVE, payload)]


def end_connection() -> None:
    """Let the server end the writer's connection, and wait until it has."""
    for (pid,) in fetch(WRITERS):
        fetch("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_connection_that_the_server_ended_is_opened_again(
    inbox: Inbox, writer: InboxWriter
) -> None:
    writer.append(row(b"a"), NOW)
    end_connection()
    with pytest.raises(InboxAway):
        writer.append(row(b"lost"), NOW)
    assert writer.append(row(b"b"), NOW) == 2
    claim = inbox.reader().claim(dict.fromkeys(Mode, 10), NOW + 1)
    assert [each.payload for each in claim.rows] == [b"a", b"b"]


def test_a_lock_that_somebody_else_holds_meanwhile_is_an_outage(writer: InboxWriter) -> None:
    """It may be the server itself, still busy with the connection that was lost: a moment later the lock is free."""
    end_connection()
    with pytest.raises(InboxAway):
        writer.append(row(b"lost"), NOW)
    with contextlib.closing(postgres.connect("tests")) as other:
        other.execute("SELECT pg_advisory_lock(1179208018, 1)")
        with pytest.raises(InboxAway, match="another process writes"):
            writer.append(row(b"lost"), NOW)
        other.execute("SELECT pg_advisory_unlock(1179208018, 1)")
    assert writer.append(row(b"a"), NOW) == 1


def test_who_lost_the_lease_settles_nothing_and_says_so(inbox: Inbox, writer: InboxWriter) -> None:
    writer.append([*row(b"a"), *row(b"b")], NOW)
    limits = dict.fromkeys(Mode, 10)
    first, second = inbox.reader(), inbox.reader()
    old = first.claim(limits, NOW + 1)
    new = second.claim(limits, NOW + 2)
    with pytest.raises(LaneSuperseded, match="another lane has taken over"), transaction.atomic():
        first.settle(old)
    assert inbox.reader().backlog().live == 2
    second.settle(new)
    with pytest.raises(LaneSuperseded), transaction.atomic():
        second.settle(new)  # the rows are gone
    assert inbox.reader().backlog().live == 0


def test_who_comes_right_after_another_writer_is_let_in(inbox: Inbox, writer: InboxWriter) -> None:
    for _ in range(20):
        writer.close()
        writer = inbox.writer(lambda: NOW)
    writer.close()
