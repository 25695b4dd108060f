"""What was sent is settled in the transaction that marks the next one, and neither can undo the other."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from activation.channels.models import ChannelConfig
from activation.deliveries import claims
from activation.deliveries.crew import Crew
from activation.deliveries.models import Delivery, Template
from activation.deliveries.queue import dispatch
from activation.deliveries.send import Sender
from activation.pressure.models import LedgerRow
from identity.clock import SECOND
from identity.errors import DomainError
from identity.privacy import vault
from identity.privacy.models import VaultEntry
from tests.activation.channels.servers import Endpoint, http
from tests.activation.deliveries.making import alice, delivery, request, template
from tests.activation.people import context
from tests.stores import use_inbox

pytestmark = pytest.mark.django_db

MARKS = "tries = tries + 1"
COMMITS = "SET status = 'committed'"


def queue(count: int, first: int = 1, mail: Template | None = None, **rest: Any) -> None:
    mail = mail or template()
    numbers = range(first, first + count)
    dispatch([request(alice(f"p{number}"), mail, number, **rest) for number in numbers], context())


def statuses(count: int) -> list[str]:
    return [delivery(number).status for number in range(1, count + 1)]


def ledger(count: int) -> list[str]:
    keys = [f"{number}:send:1" for number in range(1, count + 1)]
    return [LedgerRow.objects.get(key=key).status for key in keys]


@contextmanager
def broken(part: str, *, from_time: int = 1) -> Iterator[None]:
    """Let the database refuse every statement that holds `part`, from this one on."""
    seen = 0

    def refuse(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        nonlocal seen
        seen += part in sql
        if part in sql and seen >= from_time:
            raise DatabaseError
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        yield


def turns(work: Callable[[], object]) -> int:
    """Count the transactions that write, and the writing statements outside of any."""
    count, inside = 0, False
    with CaptureQueriesContext(connection) as captured:
        work()
    for query in captured.captured_queries:
        if query["sql"].startswith("BEGIN"):
            count, inside = count + 1, True
        elif query["sql"].startswith(("COMMIT", "ROLLBACK")) and "SAVEPOINT" not in query["sql"]:
            inside = False
        elif not inside:
            count += bool(re.match("INSERT|UPDATE|DELETE", query["sql"]))
    return count


@pytest.mark.django_db(transaction=True)
def test_each_delivery_of_a_batch_takes_one_turn_of_the_writers(sender, mailbox):
    def batch(count: int) -> int:
        queue(count, Delivery.objects.count() + 1)
        return turns(lambda: sender.run_once(10))

    assert batch(7) - batch(2) == 5
    assert len(mailbox.mails) == 9


def test_a_next_one_that_cannot_be_made_leaves_the_one_before_sent(sender, mailbox):
    queue(3)
    VaultEntry.objects.filter(field=vault.VALUE, identifier="email:hash-of-p2").update(
        sealed="AAAA" * 12
    )
    with pytest.raises(DomainError):
        sender.run_once(10)
    assert statuses(3) == ["sent", "queued", "queued"]
    assert ledger(3) == ["committed", "reserved", "reserved"]
    assert len(mailbox.mails) == 1


def test_a_next_one_that_cannot_be_marked_leaves_the_one_before_sent(sender, mailbox):
    queue(2)
    with broken(MARKS, from_time=2), pytest.raises(DatabaseError):
        sender.run_once(10)
    assert statuses(2) == ["sent", "queued"]
    assert sender.run_once(10) == 1
    assert statuses(2) == ["sent", "sent"]
    assert len(set(mailbox.message_ids())) == len(mailbox.mails) == 2


def test_a_next_one_that_waits_for_a_wish_leaves_the_one_before_sent(sender, clock, mailbox):
    queue(2)

    def arrives() -> str:
        clock.now += SECOND
        clock.oldest = clock.now
        return "250 accepted"

    mailbox.data_answers = [arrives]
    assert sender.run_once(10) == 1
    assert statuses(2) == ["sent", "queued"]


def test_what_cannot_be_settled_is_one_unknown_and_goes_to_nobody_twice(sender, clock, mailbox):
    queue(3)
    with broken(COMMITS), pytest.raises(DatabaseError):
        sender.run_once(10)
    assert statuses(3) == ["handing_over", "queued", "queued"]
    clock.now += claims.LEASE + 1
    assert sender.run_once(10) == 2
    assert statuses(3) == ["unknown", "sent", "sent"]
    assert ledger(3) == ["unknown", "committed", "committed"]
    assert len(set(mailbox.message_ids())) == len(mailbox.mails) == 3


@pytest.mark.django_db(transaction=True)
def test_at_each_call_that_one_alone_is_in_hand_for_all_to_see(clock, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    seen: list[list[str]] = []

    def looks() -> None:
        seen.append(statuses(3))
        connection.close()  # this thread's own: it sees what is committed

    with http(Endpoint()) as endpoint:
        endpoint.before_answer = looks
        ChannelConfig.objects.create(name="crm", kind="webhook", url=endpoint.url, created_at=1)
        queue(3, mail=template("crm", subject="", text="Call"))
        sender = Sender(clock=clock, oldest=lambda: None)
        assert sender.run_once(10) == 3
        sender.close()
    assert seen == [
        ["handing_over", "queued", "queued"],
        ["sent", "handing_over", "queued"],
        ["sent", "sent", "handing_over"],
    ]


def test_who_is_told_to_stop_settles_what_is_in_hand_and_lets_go_of_the_rest(clock, mailbox):
    queue(3)
    stop = threading.Event()

    def stops() -> str:
        stop.set()
        return "250 accepted"

    mailbox.data_answers = [stops]
    stopped = Sender(clock=clock, oldest=lambda: None, stop=stop)
    assert stopped.run_once(10) == 1
    stopped.close()
    assert statuses(3) == ["sent", "queued", "queued"]
    another = Sender(clock=clock, oldest=lambda: None)
    assert another.run_once(10) == 2
    another.close()
    assert statuses(3) == ["sent"] * 3


@pytest.mark.django_db(transaction=True)
def test_a_crew_that_is_told_to_stop_begins_nothing_further(mailbox, settings, tmp_path):
    use_inbox(settings, tmp_path)
    queue(3, message_class="transactional")
    stop = threading.Event()

    def stops() -> str:
        stop.set()
        return "250 accepted"

    mailbox.data_answers = [stops]
    crew = Crew(stop)
    crew.muster()
    assert stop.wait(10)
    crew.join()
    crew.blame()
    assert statuses(3) == ["sent", "queued", "queued"]
    assert not Delivery.objects.exclude(lease_until=None).exists()
