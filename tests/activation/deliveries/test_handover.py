"""The last look: wishes that wait for the lane, quiet hours of the journey, deliveries that are late, channels that change."""

import base64
import hashlib
import hmac
from datetime import time
from functools import partial
from typing import Any

import pytest

from activation.channels import registry, services
from activation.channels.models import ChannelConfig
from activation.deliveries.fetching import fetch
from activation.deliveries.models import Delivery
from activation.deliveries.postponing import postpone
from activation.deliveries.queue import dispatch
from activation.deliveries.send import BACK_OFF, Sender, wait_before
from activation.pressure.models import Decision, LedgerRow, QuietHours
from activation.pressure.types import Quiet
from identity.clock import DAY, HOUR, MINUTE, SECOND, from_datetime
from identity.privacy import services as privacy
from identity.privacy import waiting
from identity.touchpoints import commands
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import Identifier
from tests.activation.channels.servers import Endpoint, http
from tests.activation.deliveries.making import alice, delivery, request, say, template
from tests.activation.people import NOON, context
from tests.activation.pressure.rows import publish, rolling

pytestmark = pytest.mark.django_db


def queue(owner=None, mail=None, number=1, **rest):
    dispatch([request(owner or alice(), mail or template(), number, **rest)], context())
    return delivery(number)


def lane(clock):
    """Do what the lane was asked for."""
    for command in LaneCommand.objects.filter(done_at=None, kind="delivery.postpone"):
        postpone(command.payload, context(clock.now))
        commands.finish(command.pk, clock.now)


class Empty:
    def oldest_wish(self) -> None:
        return None


# --- Wishes that wait ---


def test_a_refusal_asked_for_in_the_console_is_obeyed_before_the_lane_has_kept_it(
    clock, mailbox, sender
):
    reader: Any = Empty()
    sender.oldest = partial(waiting.oldest, reader)
    owner = alice()
    queue(owner)
    privacy.ask_consent(
        [Identifier.of(owner.key)], "marketing", "email", granted=False, actor="user:1", now=NOON
    )
    assert sender.run_once(10) == 0
    say(owner, granted=False, at=NOON)
    LaneCommand.objects.update(done_at=NOON)
    sender.run_once(10)
    assert (delivery().status, delivery().reason) == ("cancelled", "consent_refused")
    assert not mailbox.mails


def test_a_wish_that_comes_in_while_a_batch_goes_out_is_not_overtaken(clock, mailbox, sender):
    mail = template()
    for number, name in enumerate(("alice", "bob"), 1):
        queue(alice(name), mail, number)

    def arrives():
        clock.now += SECOND
        clock.oldest = clock.now
        return "250 accepted"

    mailbox.data_answers = [arrives]
    assert sender.run_once(10) == 1
    assert [delivery(n).status for n in (1, 2)] == ["sent", "queued"]


def test_a_stream_of_wishes_delays_mail_by_the_lanes_lag_and_no_more(clock, mailbox, sender):
    queue()
    lag = 200
    for _ in range(10):
        clock.oldest = clock.now - lag
        if sender.run_once(10):
            break
        clock.now += 50
    assert NOON + lag < clock.now <= NOON + lag + 100


def test_a_lane_that_is_far_behind_holds_marketing_back_as_long_as_wishes_come(
    clock, mailbox, sender
):
    queue()
    for _ in range(50):
        clock.oldest = clock.now - 5 * SECOND
        assert sender.run_once(10) == 0
        clock.now += SECOND
    clock.oldest = None
    sender.run_once(10)
    lane(clock)
    assert delivery().status in {"sent", "queued"}


def test_what_needs_no_consent_goes_first_while_marketing_waits(clock, mailbox, sender):
    owner, mail = alice(), template()
    for number in range(1, 5):
        queue(owner, mail, number)
    queue(owner, mail, 5, message_class="transactional")
    clock.oldest = NOON
    assert sender.run_once(2) == 1
    assert delivery(5).status == "sent"
    assert sender.run_once(2) == 0
    assert Delivery.objects.filter(status="queued").count() == 4


# --- Quiet hours of the journey ---

NIGHT = (Quiet(time(13), time(15)),)


def test_the_journeys_quiet_hours_are_read_again(clock, mailbox, sender):
    queue(quiet=NIGHT)
    clock.now = NOON + HOUR
    sender.run_once(10)
    assert (delivery().status, delivery().reason) == ("postponed", "quiet_hours")
    lane(clock)
    assert from_datetime(delivery().due_at) == NOON + 3 * HOUR
    clock.now = NOON + 3 * HOUR
    assert sender.run_once(10) == 1
    assert len(mailbox.mails) == 1


def test_the_journeys_zone_holds_for_people_who_have_none(clock, mailbox, sender):
    queue(quiet=NIGHT, zone="Asia/Tokyo")  # noon is 21:00 there
    clock.now = NOON + 16 * HOUR + MINUTE
    sender.run_once(10)
    [command] = LaneCommand.objects.all()
    assert command.payload["until"] == NOON + 18 * HOUR


def test_a_room_is_looked_for_outside_of_the_journeys_quiet_hours():
    publish("day", limit=1, window=rolling(1))
    owner, mail = alice(), template()
    queue(owner, mail)
    dispatch([request(owner, mail, 2, quiet=NIGHT, when_capped="defer")], context())
    refused = Decision.objects.get(key="2:send:1")
    assert refused.earliest is not None
    assert from_datetime(refused.earliest) == NOON + 3 * HOUR


def test_hours_that_never_end_cancel(clock, mailbox, sender):
    queue()
    QuietHours.objects.create(name="a", start="00:00", end="12:00")
    QuietHours.objects.create(name="b", start="12:00", end="00:00")
    sender.run_once(10)
    assert (delivery().status, delivery().reason) == ("cancelled", "always_quiet")
    assert not LaneCommand.objects.exists()


# --- Late ---


def test_a_little_late_counts_from_when_it_was_made(clock, mailbox, sender):
    row = queue()
    clock.now = NOON + 5 * MINUTE
    assert sender.run_once(10) == 1
    kept = LedgerRow.objects.get(key=row.key)
    assert (kept.status, from_datetime(kept.effective_at)) == ("committed", clock.now)


def test_what_is_late_asks_the_policies_again(clock, mailbox, sender):
    publish("two hours", limit=1, window=rolling(2))
    owner, mail = alice(), template()
    queue(owner, mail, 1, when_capped="defer")
    dispatch([request(owner, mail, 2, due_at=NOON + 3 * HOUR)], context())
    clock.now = NOON + 2 * HOUR
    assert sender.run_once(1) == 1
    assert (delivery(1).status, delivery(1).reason) == ("postponed", "late")
    lane(clock)
    assert from_datetime(delivery(1).due_at) == NOON + 5 * HOUR
    assert not mailbox.mails


def test_what_obeys_no_caps_is_never_late(clock, mailbox, sender):
    queue(message_class="transactional")
    clock.now = NOON + DAY
    assert sender.run_once(10) == 1
    assert len(mailbox.mails) == 1


def test_a_channel_that_fetches_seldom_gets_what_is_late_when_the_lane_has_answered(
    clock, monkeypatch
):
    ChannelConfig.objects.create(name="letter", addressed_by="email", created_at=1)
    queue(mail=template("letter", subject="", text="Dear {{ person.first_name }}"))
    clock.now = NOON + HOUR
    monkeypatch.setattr("activation.deliveries.fetching.time.sleep", lambda _: lane(clock))
    [given] = fetch("letter", 10, clock, lambda: None)
    assert given.message.key == "1:send:1"
    kept = LedgerRow.objects.get(key=delivery().ledger_key)
    assert (kept.status, from_datetime(kept.effective_at)) == ("reserved", clock.now)


# --- Channels that change while a sender runs ---


@pytest.fixture
def webhook(settings, clock):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with http(Endpoint()) as endpoint:
        ChannelConfig.objects.create(name="crm", kind="webhook", url=endpoint.url, created_at=1)
        yield endpoint


@pytest.fixture
def caller(clock):
    made = Sender(clock=clock, oldest=lambda: clock.oldest, only="crm")
    yield made
    made.close()


def calls():
    return template("crm", subject="", text="Call {{ person.first_name }}")


def signed(headers, body, secret):
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def test_a_new_secret_signs_from_the_next_message_on_and_the_old_one_along(caller, webhook):
    def call(number):
        queue(None if number == 1 else alice(f"p{number}"), calls(), number)
        assert caller.run_once(10) == 1
        headers, body = webhook.requests[-1]
        given = [each.removeprefix("v1,") for each in headers["webhook-signature"].split()]
        secrets = registry.secrets_of(ChannelConfig.objects.get())
        assert given == [signed(headers, body, secret) for secret in secrets]
        return len(given)

    assert call(1) == 1
    services.rotate_secret("crm", actor="user:1", now=NOON)
    assert call(2) == 2
    services.finish_rotation("crm", actor="user:1", now=NOON)
    assert call(3) == 1


def test_a_new_address_is_called_from_the_next_message_on(caller, webhook):
    queue(number=1, mail=calls())
    assert caller.run_once(10) == 1
    with http(Endpoint()) as other:
        services.change("crm", {"url": other.url}, actor="user:1", now=NOON)
        queue(alice("bob"), calls(), 2)
        assert caller.run_once(10) == 1
        assert (len(webhook.requests), len(other.requests)) == (1, 1)


def test_an_endpoint_that_is_gone_is_not_called_for_the_rest_of_the_batch(caller, webhook):
    webhook.status = 410
    for number, name in enumerate(("alice", "bob"), 1):
        queue(alice(name), calls(), number)
    caller.run_once(10)
    assert len(webhook.requests) == 1
    assert [delivery(n).status for n in (1, 2)] == ["failed", "queued"]


def test_who_asks_for_patience_gets_it(caller, webhook, clock):
    webhook.status, webhook.headers = 429, {"Retry-After": "120"}
    queue(mail=calls())
    caller.run_once(10)
    assert 120 * SECOND <= from_datetime(delivery().due_at) - clock.now <= 132 * SECOND


def test_what_failed_together_does_not_come_again_together():
    waits = {wait_before(f"{number}:send:1", 1, 0) for number in range(50)}
    assert len(waits) > 40
    assert BACK_OFF[1] <= min(waits) <= max(waits) <= 1.1 * BACK_OFF[1]
    assert wait_before("1:send:1", 0, 3 * DAY) <= 1.1 * DAY
