"""The sender: what is read again at hand-over, and what each outcome leaves behind."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activation.channels.email import message_id
from activation.channels.models import ChannelConfig
from activation.deliveries import claims
from activation.deliveries.links import addresses
from activation.deliveries.models import Delivery, DeliveryStep
from activation.deliveries.postponing import postpone
from activation.deliveries.queue import dispatch
from activation.deliveries.reports import Reporter
from activation.deliveries.send import BACK_OFF, Sender
from activation.deliveries.types import DeliveryStatus
from activation.pressure.models import LedgerRow, QuietHours
from identity import stages
from identity.clock import HOUR, MINUTE, SECOND, from_datetime
from identity.privacy.models import VaultAccess
from identity.profiles.models import Identifier
from identity.touchpoints import commands
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.models import LaneCommand
from tests.activation.channels.servers import Endpoint, Mailbox, http, smtp
from tests.activation.deliveries.making import alice, bar, delivery, request, say, template
from tests.activation.people import NOON, context, profile

pytestmark = pytest.mark.django_db


def queue(owner=None, mail=None, number=1, **rest):
    owner = owner or alice()
    dispatch([request(owner, mail or template(), number, **rest)], context())
    return delivery(number)


def ledger(number=1):
    row = LedgerRow.objects.get(key=f"{number}:send:1")
    return row.status, row.reason


def test_a_due_delivery_reaches_the_mail_server_once(sender, mailbox):
    row = queue()
    assert sender.run_once(10) == 1
    assert sender.run_once(10) == 0
    [mail] = mailbox.mails
    row.refresh_from_db()
    expected = message_id(addresses().message(row.key), "news@shop.example")
    assert mail["Message-ID"] == expected == row.provider_id
    assert mail["To"] == "alice@example.org"
    assert mail["Subject"] == "Hello Alice"
    assert row.status == "sent"
    assert LedgerRow.objects.get(key=row.key).status == "committed"
    assert LedgerRow.objects.get(key=row.key).provider_id == expected


def test_a_sender_that_has_sent_and_reported_is_at_no_stage(sender, clock, mailbox, reached):
    queue()
    sender.run_once(10)
    assert reached() == stages.IDLE
    assert Reporter(clock=clock, post=Door()).run_once() == 1
    assert reached() == stages.IDLE


def test_nothing_goes_before_its_time(sender, clock, mailbox):
    queue(due_at=NOON + MINUTE)
    clock.now = NOON + MINUTE - 1
    assert sender.run_once(10) == 0
    clock.now = NOON + MINUTE
    assert sender.run_once(10) == 1


def test_marketing_carries_one_click_unsubscribe_and_transactional_mail_does_not(sender, mailbox):
    owner, mail = alice(), template()
    queue(owner, mail, 1)
    queue(owner, mail, 2, message_class="transactional")
    sender.run_once(10)
    marketing, transactional = mailbox.mails
    assert re.fullmatch(r"<https://t\.shop\.example/u/[\w-]+>", marketing["List-Unsubscribe"])
    assert marketing["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert transactional["List-Unsubscribe"] is None


def test_links_lead_through_the_collector_and_a_pixel_is_added(sender, mailbox):
    queue(mail=template(html="<body><a href='https://shop.example/a?b=1&amp;c=2'>See</a></body>"))
    sender.run_once(10)
    text, html = mailbox.mails[0].iter_parts()
    assert "https://t.shop.example/c/" in text.get_content()
    assert "https://shop.example/a" not in html.get_content()
    assert re.search(r'<img src="https://t\.shop\.example/o/[\w-]+\.gif"', html.get_content())


def test_clear_values_are_revealed_for_the_message_and_logged(sender, mailbox):
    queue()
    sender.run_once(10)
    seen = VaultAccess.objects.values_list("actor", "identifier", "field", "why")
    assert set(seen) == {
        ("sender", "email:hash-of-alice", "value", "delivery 1:send:1"),
        ("sender", "user_id:alice", "first_name", "delivery 1:send:1"),
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda owner: say(owner, granted=False, at=NOON + 1), "consent_refused"),
        (lambda owner: bar(owner, "email"), "suppressed"),
        (lambda owner: bar(owner, "*"), "suppressed"),
        (
            lambda _: Identifier.objects.filter(namespace="email").update(profile=profile("bob")),
            "address_moved",
        ),
    ],
)
def test_a_no_at_hand_over_sends_nothing_and_gives_the_contact_back(
    sender, mailbox, change, reason
):
    owner = alice()
    row = queue(owner)
    change(owner)
    assert sender.run_once(10) == 1
    row.refresh_from_db()
    assert (row.status, row.reason) == ("cancelled", reason)
    assert ledger() == ("released", reason)
    assert not mailbox.mails
    assert not VaultAccess.objects.exists()
    assert DeliveryStep.objects.get(delivery=row).reason == reason


def test_a_held_delivery_waits(sender, mailbox):
    row = queue()
    Delivery.objects.update(held=True)
    assert sender.run_once(10) == 0
    Delivery.objects.update(held=False)
    assert sender.run_once(10) == 1
    row.refresh_from_db()
    assert row.status == "sent"


def test_a_merge_takes_the_delivery_along_and_the_new_persons_no_counts(sender, mailbox):
    owner, bob = alice(), alice("bob", consent=False)
    say(bob, granted=False, at=NOON + 5)
    row = queue(owner)
    Identifier.objects.filter(profile=owner.profile).update(profile=bob.profile)
    sender.run_once(10)
    row.refresh_from_db()
    assert (row.status, row.reason) == ("cancelled", "consent_refused")


def test_marketing_waits_until_the_lane_has_seen_what_was_received_before(sender, clock, mailbox):
    owner, mail = alice(), template()
    queue(owner, mail, 1)
    queue(owner, mail, 2, message_class="transactional")
    clock.oldest = NOON - SECOND
    assert sender.run_once(10) == 1
    assert [str(one["Subject"]) for one in mailbox.mails] == ["Hello Alice"]
    clock.now, clock.oldest = NOON + SECOND, NOON + 500  # received after the delivery was taken
    assert sender.run_once(10) == 1
    assert len(mailbox.mails) == 2


def test_an_unsubscribe_that_was_waiting_is_obeyed(sender, clock, mailbox):
    owner = alice()
    row = queue(owner)
    clock.oldest = NOON
    assert sender.run_once(10) == 0
    say(owner, granted=False, at=NOON)
    clock.oldest = None
    sender.run_once(10)
    row.refresh_from_db()
    assert row.status == "cancelled"
    assert not mailbox.mails


def test_quiet_hours_that_began_meanwhile_put_it_off(sender, clock, mailbox):
    row = queue()
    QuietHours.objects.create(name="afternoon", start="13:00", end="15:00")
    clock.now = NOON + HOUR
    sender.run_once(10)
    row.refresh_from_db()
    assert (row.status, row.reason) == ("postponed", "quiet_hours")
    command = LaneCommand.objects.get()
    assert command.payload == {"delivery": row.pk, "until": NOON + 3 * HOUR}
    postpone(command.payload, context(clock.now))
    clock.now = NOON + 3 * HOUR - 1
    assert sender.run_once(10) == 0
    clock.now = NOON + 3 * HOUR
    assert sender.run_once(10) == 1
    assert len(mailbox.mails) == 1
    statuses = set(LedgerRow.objects.values_list("status", flat=True))
    assert statuses == {"released", "committed"}


def test_a_lost_answer_leaves_it_unknown_and_nobody_sends_it_again(sender, clock, mailbox):
    mailbox.data_answers = ["hang up"]
    row = queue()
    sender.run_once(10)
    row.refresh_from_db()
    assert row.status == "unknown"
    assert ledger()[0] == "unknown"
    clock.now = NOON + 1000 * HOUR
    assert sender.run_once(10) == 0
    assert not mailbox.mails


def test_a_sender_that_died_leaves_it_unknown(sender, clock, mailbox):
    row = queue()
    Delivery.objects.update(status="handing_over", lease_token="other", lease_until=NOON + MINUTE)
    assert sender.run_once(10) == 0
    clock.now = NOON + MINUTE + 1
    assert sender.run_once(10) == 0
    row.refresh_from_db()
    assert (row.status, row.reason) == ("unknown", "lease_lapsed")
    assert ledger() == ("unknown", "lease_lapsed")
    assert not mailbox.mails


def test_two_senders_share_the_work_and_never_a_delivery(clock, mailbox):
    owner, mail = alice(), template()
    for number in range(1, 7):
        queue(owner, mail, number)
    senders = [Sender(clock=clock, oldest=lambda: None) for _ in range(2)]
    assert [one.run_once(3) for one in senders] == [3, 3]
    for one in senders:
        one.close()
    assert len(set(mailbox.message_ids())) == len(mailbox.mails) == 6


def test_a_permanent_refusal_fails_and_gives_the_contact_back(sender, mailbox):
    mailbox.rcpt_answers = ["550 unknown"]
    row = queue()
    sender.run_once(10)
    row.refresh_from_db()
    assert (row.status, row.reason) == ("failed", "the mail server answered 550")
    assert ledger()[0] == "released"


def fail(sender, clock, mailbox):
    """Let a try fail; what has waited for long is asked about again before, as the lane does."""
    mailbox.data_answers = ["451 later"]
    while mailbox.data_answers:
        assert sender.run_once(10) == 1
        for command in LaneCommand.objects.filter(done_at=None):
            postpone(command.payload, context(clock.now))
            commands.finish(command.pk, clock.now)


def test_a_temporary_refusal_is_tried_again_later_and_fails_in_the_end(sender, clock, mailbox):
    row = queue()
    for wait in BACK_OFF:
        fail(sender, clock, mailbox)
        row.refresh_from_db()
        assert row.status == "queued"
        assert wait <= from_datetime(row.due_at) - clock.now <= wait * 1.1
        clock.now = from_datetime(row.due_at)
    fail(sender, clock, mailbox)
    row.refresh_from_db()
    assert (row.status, row.tries) == ("failed", len(BACK_OFF) + 1)
    assert set(LedgerRow.objects.values_list("status", flat=True)) == {"released"}


def test_a_mail_server_that_is_away_holds_up_nobody_else(clock, settings, mailbox):
    settings.CHANNELS["email"]["OPTIONS"]["port"] = 1
    settings.WEBHOOK_ALLOW_PRIVATE = True
    owner = alice()
    with http(Endpoint()) as endpoint:
        ChannelConfig.objects.create(name="crm", kind="webhook", url=endpoint.url, created_at=1)
        queue(owner, template(), 1)
        queue(owner, template("crm", subject="", text="Call {{ person.first_name }}"), 2)
        sender = Sender(clock=clock, oldest=lambda: None)
        sender.run_once(10)
        assert len(endpoint.requests) == 1
        waiting = delivery(1)
        assert (waiting.status, waiting.tries) == ("queued", 0)
        settings.CHANNELS["email"]["OPTIONS"]["port"] = mailbox.port
        assert sender.run_once(10) == 0  # not asked again at once
        clock.now += SECOND
        assert sender.run_once(10) == 1
        sender.close()
    assert len(mailbox.mails) == 1


def test_an_endpoint_that_is_gone_is_switched_off(clock, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    owner, mail = alice(), template("crm", subject="", text="Call")
    with http(Endpoint()) as endpoint:
        endpoint.status = 410
        ChannelConfig.objects.create(name="crm", kind="webhook", url=endpoint.url, created_at=1)
        queue(owner, mail, 1)
        queue(owner, mail, 2)
        sender = Sender(clock=clock, oldest=lambda: None)
        sender.run_once(1)
        sender.run_once(10)
        sender.close()
        assert len(endpoint.requests) == 1
    assert not ChannelConfig.objects.get().enabled
    assert [delivery(n).status for n in (1, 2)] == ["failed", "queued"]


def test_a_missing_value_is_said_and_nothing_goes(sender, mailbox):
    row = queue(mail=template(text="Hello {{ traits.nickname }}"))
    sender.run_once(10)
    row.refresh_from_db()
    assert (row.status, row.reason) == ("failed", "no value for traits.nickname")
    assert ledger()[0] == "released"
    assert not mailbox.mails


def test_channels_that_are_fetched_are_left_alone(sender, mailbox):
    queue(mail=template("display"))
    assert sender.run_once(10) == 0
    assert delivery().status == "queued"


class Door:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.away = False

    def __call__(self, events):
        if self.away:
            raise InboxAway
        self.events += events
        return []


def test_what_was_sent_comes_back_in_at_the_front_door(sender, clock, mailbox):
    queue()
    sender.run_once(10)
    door = Door()
    reporter = Reporter(clock=clock, post=door)
    assert [reporter.run_once(), reporter.run_once()] == [1, 0]
    [event] = door.events
    assert event == {
        "type": "track",
        "event": "Email Sent",
        "messageId": "sent:1:send:1",
        "timestamp": "2026-08-31T12:00:00.000+00:00",
        "properties": {
            "channel": "email",
            "message_class": "marketing",
            "direction": "outbound",
        },
        "context": {"filrouge": {"identifiers": ["user_id:alice"], "delivery": "1:send:1"}},
    }


def test_a_door_that_is_away_is_waited_for_and_nothing_is_lost(sender, clock, mailbox):
    queue()
    sender.run_once(10)
    door = Door()
    reporter = Reporter(clock=clock, post=door)
    door.away = True
    assert reporter.run_once() == 0
    door.away = False
    assert reporter.run_once() == 0
    clock.now += SECOND
    assert reporter.run_once() == 1
    assert len(door.events) == 1


def test_a_sender_that_was_slow_still_settles_what_it_had_in_hand():
    row = queue()
    [taken] = claims.take("slow", "email", NOON, 10)
    assert claims.begin(taken.id, taken.address, "slow", NOON)
    late = NOON + claims.LEASE + 1
    assert claims.lose(late) == [(row.pk, row.key, NOON)]
    assert not claims.settle(row.pk, DeliveryStatus.SENT, late, token="another")
    assert claims.settle(row.pk, DeliveryStatus.SENT, late, token="slow")
    row.refresh_from_db()
    assert row.status == "sent"


def test_nobody_begins_with_a_lease_that_was_lost():
    row = queue()
    claims.take("slow", "email", NOON, 10)
    late = NOON + claims.LEASE + 1
    assert not claims.begin(row.pk, None, "slow", late)
    assert len(claims.take("quick", "email", late, 10)) == 1
    assert not claims.begin(row.pk, None, "slow", late)
    assert claims.begin(row.pk, None, "quick", late)
    assert not claims.begin(row.pk, None, "quick", late)


def test_the_smtp_server_may_come_and_go(clock, settings, mailbox):
    owner, mail = alice(), template()
    queue(owner, mail, 1)
    sender = Sender(clock=clock, oldest=lambda: None)
    with smtp(Mailbox()) as other:
        settings.CHANNELS["email"]["OPTIONS"]["port"] = other.port
        sender.run_once(10)
    queue(owner, mail, 2)
    sender.run_once(10)
    with smtp(other):
        clock.now += SECOND
        assert sender.run_once(10) == 1
    sender.close()
    assert len(other.mails) == 2


def test_a_sender_with_nothing_to_do_never_takes_the_turn_of_who_writes(sender):
    """Idle threads that asked for it would hold up the one that has mails to hand over."""
    with CaptureQueriesContext(connection) as captured:
        sender.run_once(10)
    assert captured.captured_queries
    assert not [one for one in captured.captured_queries if not one["sql"].startswith("SELECT")]
