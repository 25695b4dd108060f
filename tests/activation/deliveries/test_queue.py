"""Stage 6: what is queued, what is refused and why, and that repeats change nothing."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activation.channels.models import ChannelConfig
from activation.deliveries import postponing, selectors, services
from activation.deliveries.models import Delivery
from activation.deliveries.postponing import postpone
from activation.deliveries.queue import dispatch
from activation.deliveries.types import Outcome
from activation.pressure.models import Decision, LedgerRow, QuietHours
from activation.pressure.reserve import reserve
from identity.clock import HOUR, from_datetime
from identity.privacy.models import Consent
from tests.activation.deliveries.making import alice, bar, delivery, request, say, template
from tests.activation.people import NOON, context, person
from tests.activation.pressure.rows import publish, rolling

pytestmark = pytest.mark.django_db


def only(results):
    [result] = results
    return result


def test_what_passes_is_a_ledger_row_and_a_delivery_under_one_key():
    owner, mail = alice(), template()
    result = only(dispatch([request(owner, mail, facts={"product": "bread"})], context()))
    row = delivery()
    assert (result.outcome, result.delivery, result.decision) == (
        Outcome.QUEUED,
        row.pk,
        row.decision,
    )
    assert (row.status, row.owner_id, row.profile, str(row.address)) == (
        "queued",
        owner.pk,
        owner.profile_id,
        "email:hash-of-alice",
    )
    assert row.facts == '{"product":"bread"}'
    assert LedgerRow.objects.get(key=row.key).status == "reserved"
    assert Decision.objects.get(pk=result.decision).passed


def test_a_repeat_answers_the_same_and_writes_nothing():
    owner, mail = alice(), template()
    first = dispatch([request(owner, mail)], context())
    say(owner, granted=False, at=NOON + 1)
    assert dispatch([request(owner, mail), request(owner, mail)], context()) == first * 2
    assert (Delivery.objects.count(), LedgerRow.objects.count(), Decision.objects.count()) == (
        1,
        1,
        1,
    )


@pytest.mark.parametrize("consent", [None, False])
def test_without_consent_nobody_is_written_to_and_the_decision_says_so(consent):
    result = only(dispatch([request(alice(consent=consent), template())], context()))
    assert result.outcome is Outcome.UNREACHABLE
    assert result.reason == {None: "consent_not_given", False: "consent_refused"}[consent]
    stored = Decision.objects.get(pk=result.decision)
    assert (stored.passed, stored.reason) == (False, result.reason)
    assert not LedgerRow.objects.exists()
    assert not Delivery.objects.exists()


def test_a_transactional_message_needs_no_consent_but_suppression_stops_it():
    owner, mail = alice(consent=False), template()
    results = dispatch([request(owner, mail, 1, message_class="transactional")], context())
    assert only(results).outcome is Outcome.QUEUED
    bar(owner, "*")
    results = dispatch([request(owner, mail, 2, message_class="transactional")], context())
    assert (only(results).outcome, only(results).reason) == (Outcome.UNREACHABLE, "suppressed")


def test_without_an_address():
    _, [owner] = person("bob")
    say(owner, granted=True)
    result = only(dispatch([request(owner, template())], context()))
    assert (result.outcome, result.reason) == (Outcome.UNREACHABLE, "no_address")


def test_channels_and_templates_that_are_not_there():
    owner = alice()
    ChannelConfig.objects.create(name="crm", enabled=False, created_at=1)
    sms = template("sms")
    results = dispatch(
        [
            request(owner, template("pigeon"), 1),
            request(owner, template("crm"), 2),
            request(owner, sms, 3, channel="email"),
            request(owner, template(), 4, template=999),
            request(owner, template(), 5, profile=999),
        ],
        context(),
    )
    assert [result.reason for result in results] == [
        "no_channel",
        "no_channel",
        "no_template",
        "no_template",
        "no_profile",
    ]


def test_a_capped_request_does_what_its_step_says():
    owner, mail = alice(), template()
    publish("day", limit=1, window=rolling(24))
    dispatch([request(owner, mail, 1)], context())
    skipped, deferred, too_late = dispatch(
        [
            request(owner, mail, 2),
            request(owner, mail, 3, when_capped="defer"),
            request(owner, mail, 4, when_capped="defer", give_up_at=NOON + HOUR),
        ],
        context(),
    )
    assert skipped.outcome is Outcome.CAPPED
    assert (deferred.outcome, deferred.retry_at) == (Outcome.DEFERRED, NOON + 24 * HOUR)
    assert too_late.outcome is Outcome.CAPPED
    assert Delivery.objects.count() == 1


def test_a_deferred_request_passes_at_its_time_and_not_a_moment_before():
    owner, mail = alice(), template()
    publish("day", limit=1, window=rolling(24))
    dispatch([request(owner, mail, 1)], context())
    again = request(owner, mail, 2, when_capped="defer")
    retry_at = only(dispatch([again], context())).retry_at
    assert only(dispatch([again], context(retry_at - 1))).outcome is Outcome.DEFERRED
    assert only(dispatch([again], context(retry_at))).outcome is Outcome.QUEUED


def test_the_number_of_statements_does_not_depend_on_the_number_of_requests():
    mail = template()
    people = [alice(f"p{number}", consent=number % 3 > 0) for number in range(30)]
    with CaptureQueriesContext(
        connection,
    ) as few:
        dispatch([request(people[n], mail, n) for n in range(3)], context())
    with CaptureQueriesContext(connection) as many:
        dispatch([request(people[n], mail, n) for n in range(3, 30)], context())
    assert len(many) == len(few)


def test_a_delivery_that_ran_into_quiet_hours_gets_room_after_them():
    owner, mail = alice(), template()
    dispatch([request(owner, mail)], context())
    QuietHours.objects.create(name="noon", start="11:00", end="14:00")
    Delivery.objects.update(status="postponed", reason="quiet_hours")
    postpone({"delivery": delivery().pk, "until": NOON + 2 * HOUR}, context())
    row = delivery()
    assert (row.status, row.due_at.timestamp() * 1000) == ("queued", NOON + 2 * HOUR)
    old, new = LedgerRow.objects.order_by("pk")
    assert (old.status, old.reason, new.key, new.status) == (
        "released",
        "quiet_hours",
        row.ledger_key,
        "reserved",
    )
    postpone({"delivery": row.pk, "until": NOON + 2 * HOUR}, context())
    assert LedgerRow.objects.count() == 2


@pytest.mark.parametrize(
    ("step", "until", "stands"),
    [
        ({"when_capped": "defer"}, NOON + HOUR, ("queued", "late", NOON + 24 * HOUR)),
        ({"when_capped": "skip"}, NOON + HOUR, ("cancelled", "capped", NOON + HOUR)),
        ({}, NOON + HOUR, ("cancelled", "capped", NOON + HOUR)),
        (
            {"when_capped": "defer", "give_up_at": NOON + 23 * HOUR},
            NOON + HOUR,
            ("cancelled", "capped", NOON + HOUR),
        ),
        (
            {"when_capped": "defer", "give_up_at": NOON + HOUR},
            NOON + HOUR + 1,
            ("cancelled", "gave_up", NOON + HOUR + 1),
        ),
    ],
)
def test_a_postponed_delivery_without_room_does_what_its_step_says(step, until, stands):
    owner, mail = alice(), template()
    publish("day", limit=1, window=rolling(24))
    dispatch([request(owner, mail, 1, **step)], context())
    Delivery.objects.update(status="postponed", reason="late")
    LedgerRow.objects.update(effective_at=NOON - 48 * HOUR)
    dispatch([request(owner, mail, 2)], context())
    postpone({"delivery": delivery(1).pk, "until": until}, context())
    row = delivery(1)
    assert (row.status, row.reason, from_datetime(row.due_at)) == stands
    reserved = LedgerRow.objects.filter(status="reserved", key__startswith="1:").count()
    assert reserved == (row.status == "queued")
    told = [(line["what"], line["detail"]) for line in selectors.timeline(row)]
    assert (row.status, row.reason) in told
    assert (row.settled_at is None) == (row.status == "queued")


def test_what_a_person_cancels_while_it_is_postponed_stays_cancelled(monkeypatch):
    dispatch([request(alice(), template())], context())
    Delivery.objects.update(status="postponed", reason="late")
    asked = reserve

    def meanwhile(asks, batch):
        services.cancel("1:send:1", actor="user:1", now=NOON)
        return asked(asks, batch)

    monkeypatch.setattr(postponing, "reserve", meanwhile)
    postpone({"delivery": delivery().pk, "until": NOON}, context())
    assert delivery().status == "cancelled"
    assert set(LedgerRow.objects.values_list("status", flat=True)) == {"released"}


def test_consent_is_read_from_the_register_alone():
    owner = alice(consent=None)
    say(owner, granted=True, purpose="marketing", channel="*")
    assert Consent.objects.count() == 1
    assert only(dispatch([request(owner, template())], context())).outcome is Outcome.QUEUED
