"""What breaks one delivery or one channel breaks nothing else."""

import pytest
from django.db import DatabaseError

from activation.channels.email import EmailChannel
from activation.channels.models import ChannelConfig
from activation.deliveries import claims, handover, holding
from activation.deliveries.fetching import fetch
from activation.deliveries.queue import dispatch
from activation.deliveries.send import Sender
from activation.pressure.models import LedgerRow
from identity.clock import SECOND
from identity.errors import DomainError
from identity.privacy import vault
from identity.privacy.models import VaultEntry
from identity.profiles.models import Trait
from tests.activation.channels.servers import Endpoint, http
from tests.activation.deliveries.making import alice, delivery, request, template
from tests.activation.people import NOON, context

pytestmark = pytest.mark.django_db

POISON = "{% for one in traits.likes %}{{ one }}{% endfor %}"


def likes(owner, value):
    Trait.objects.create(
        owner=owner,
        name="likes",
        value=value,
        at=NOON,
        received_at=NOON,
        touchpoint="t1",
        source=1,
    )
    return owner


def ledger(number=1):
    row = LedgerRow.objects.get(key=f"{number}:send:1")
    return row.status, row.reason


def surprise(*_, **__):
    raise KeyError


@pytest.fixture
def webhook(settings):
    """Make a channel `crm` with a real endpoint; private addresses may be called."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with http(Endpoint()) as endpoint:
        ChannelConfig.objects.create(name="crm", kind="webhook", url=endpoint.url, created_at=1)
        yield endpoint


@pytest.fixture
def plain(clock):
    """Make a sender without a mail server."""
    made = Sender(clock=clock, oldest=lambda: clock.oldest)
    yield made
    made.close()


def calls(*owners):
    of = template("crm", subject="", text="Call {{ person.first_name }}")
    dispatch([request(one, of, n) for n, one in enumerate(owners, 1)], context())


# --- One delivery that cannot be made ---


def test_a_message_that_cannot_be_made_fails_and_the_next_one_goes(sender, mailbox):
    mail = template(text=POISON)
    dispatch(
        [
            request(likes(alice(), "5"), mail, 1),
            request(likes(alice("bob"), '["tea"]'), mail, 2),
        ],
        context(),
    )
    assert sender.run_once(10) == 2
    assert (delivery(1).status, delivery(1).reason) == ("failed", "TypeError")
    assert ledger(1) == ("released", "TypeError")
    assert [mail["To"] for mail in mailbox.mails] == ["bob@example.org"]


def test_a_vault_that_does_not_open_is_no_fault_of_the_message(sender, mailbox):
    dispatch([request(alice(), template())], context())
    VaultEntry.objects.filter(field=vault.VALUE).update(sealed="AAAA" * 12)
    with pytest.raises(DomainError):
        sender.run_once(10)
    assert delivery().status == "queued"


def test_a_fetch_gives_out_what_it_marked_although_a_later_one_breaks(monkeypatch):
    ChannelConfig.objects.create(name="letter", addressed_by="email", created_at=1)
    of = template("letter", subject="", text="Dear {{ person.first_name }}")
    dispatch(
        [request(alice(name), of, n) for n, name in enumerate(("alice", "bob"), 1)], context()
    )
    begin = handover.begin

    def breaks(claimed, hands, now):
        if claimed.key == "2:send:1":
            raise DatabaseError
        return begin(claimed, hands, now)

    monkeypatch.setattr(handover, "begin", breaks)
    assert [one.message.key for one in fetch("letter", 10, lambda: NOON, lambda: None)] == [
        "1:send:1"
    ]
    assert (delivery(1).status, delivery(2).status) == ("handing_over", "queued")
    with pytest.raises(DatabaseError):
        fetch("letter", 10, lambda: NOON, lambda: None)


# --- A channel that breaks ---


@pytest.mark.parametrize("url", ["https://exa..mple.com/", "https://ex\u200dample.com:80/\x7f"])
def test_an_address_that_cannot_be_called_is_an_outage(plain, webhook, url):
    ChannelConfig.objects.update(url=url)
    calls(alice())
    assert plain.run_once(10) == 0
    assert (delivery().status, delivery().tries) == ("queued", 0)


@pytest.mark.slow
def test_an_error_that_nobody_foresaw_leaves_one_unknown_and_the_channel_alone(
    sender, clock, mailbox, monkeypatch
):
    monkeypatch.setattr(EmailChannel, "_hand_over", surprise)
    mail = template()
    dispatch([request(alice(name), mail, n) for n, name in enumerate(("a", "b"), 1)], context())
    sender.run_once(10)
    assert (delivery(1).status, delivery(1).reason) == ("unknown", "KeyError")
    assert (delivery(2).status, ledger(1)[0]) == ("queued", "unknown")
    monkeypatch.undo()
    clock.now += SECOND
    assert sender.run_once(10) == 1
    assert delivery(2).status == "sent"


def test_a_channel_that_cannot_be_opened_marks_nothing(sender, mailbox, settings):
    settings.CHANNELS["email"]["OPTIONS"]["security"] = "rot13"
    dispatch([request(alice(), template())], context())
    assert sender.run_once(10) == 0
    assert (delivery().status, delivery().tries) == ("queued", 0)


def test_a_mail_that_cannot_be_written_fails(sender, mailbox, monkeypatch):
    monkeypatch.setattr("email.message.EmailMessage.as_bytes", surprise)
    dispatch([request(alice(), template())], context())
    sender.run_once(10)
    assert delivery().status == "failed"
    assert not mailbox.mails


def test_an_endpoint_that_hangs_costs_one_unknown_at_a_time(plain, clock, webhook):
    webhook.hang_up = True
    calls(alice(), alice("bob"), alice("carol"))
    plain.run_once(10)
    assert [delivery(n).status for n in (1, 2, 3)] == ["unknown", "queued", "queued"]
    assert plain.run_once(10) == 0
    webhook.hang_up = False
    clock.now += SECOND
    assert plain.run_once(10) == 2
    assert len(webhook.requests) == 3


# --- Holding back ---


def test_what_is_in_hand_is_held_when_it_comes_back(plain, clock, webhook):
    calls(alice())
    webhook.status = 503
    [taken] = claims.take("other", "crm", NOON, 10)
    assert claims.begin(taken.id, None, "other", NOON)
    assert holding.hold({"1:send:1": True}) == 1
    assert claims.put_back(taken.id, NOON, "later", token="other", counted=True)
    assert (delivery().status, delivery().held) == ("queued", True)
    assert plain.run_once(10) == 0
    holding.hold({"1:send:1": False})
    webhook.status = 200
    assert plain.run_once(10) == 1
