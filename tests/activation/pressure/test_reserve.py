"""Reserving: stored decisions, frozen points, merges and splits, later reservations, the number of statements."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from activation.audiences.models import Audience, Membership
from activation.pressure import caps, ledger
from activation.pressure.models import (
    ChannelWeight,
    Decision,
    Intent,
    LedgerRow,
    MessageClass,
    QuietHours,
)
from activation.pressure.reserve import quiet_until, reserve, weigh
from activation.pressure.types import PersonCap, Reason
from identity.clock import DAY, HOUR, MINUTE, SECOND
from identity.profiles.models import Identifier
from tests.activation.people import NOON, context, person
from tests.activation.pressure.rows import ask, impressions, publish, rolling, weights
from tests.soaking import examples

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    profile, owners = person("alice", "email:aa")
    return profile.pk, [owner.pk for owner in owners]


def status(key: str) -> str:
    return LedgerRow.objects.get(key=key).status


def test_a_passed_ask_becomes_a_reserved_row_with_what_was_seen(alice):
    weights()
    policy = publish("day", limit=3, window=rolling(24))
    audience = Audience.objects.create(name="Fans", slug="fans", created_at=1, changed_at=1)
    profile, (owner, _) = alice
    Membership.objects.create(audience=audience, profile_id=profile, since=1, cause="rule")
    [decision] = reserve(
        [ask("1:send:1", profile, owner, journey=4, version=2, node="send", channel="sms")],
        context(),
    )
    row = LedgerRow.objects.get(key="1:send:1")
    assert decision.ledger == row.pk
    assert (row.key, row.owner_id, row.points, row.counts, row.status) == (
        "1:send:1",
        owner,
        200,
        True,
        "reserved",
    )
    assert (row.journey, row.version, row.node, row.sequence, row.origin) == (
        4,
        2,
        "send",
        1,
        "own",
    )
    assert json.loads(row.seen) == {"policies": [[policy.pk, 1]], "audiences": [audience.pk]}
    stored = Decision.objects.get(pk=decision.id)
    assert (stored.passed, stored.reason, stored.points) == (True, "room", 200)
    assert json.loads(stored.uses)[0]["use"] == 0


def test_a_refusal_is_a_stored_decision_that_says_why_and_when(alice):
    publish("day", limit=1, window=rolling(24), when_capped="defer")
    profile, (owner, other) = alice
    reserve([ask("1:a:1", profile, owner)], context(NOON))
    [refused] = reserve([ask("2:a:1", profile, other, due_at=NOON + HOUR)], context(NOON + HOUR))
    assert (refused.passed, refused.reason, refused.winner) == (False, Reason.CAPPED, "day")
    assert (refused.earliest, refused.when_capped, refused.ledger) == (NOON + DAY, "defer", None)
    stored = Decision.objects.get(pk=refused.id)
    [use] = json.loads(stored.uses)
    assert (use["use"], use["cost"], use["limit"], use["room"]) == (1, 1, 1, False)
    assert LedgerRow.objects.count() == 1
    assert Intent.objects.filter(key="2:a:1").exists()

    again = ask("2:a:1", profile, other)
    assert not reserve([again], context(NOON + DAY - 1))[0].passed
    assert reserve([again], context(NOON + DAY))[0].passed
    assert Decision.objects.filter(key="2:a:1").count() == 3
    assert Intent.objects.get(key="2:a:1").asked_at is not None


def test_the_same_key_is_reserved_once(alice):
    profile, (owner, _) = alice
    first = reserve([ask("1:a:1", profile, owner)], context())[0]
    [again] = reserve([ask("1:a:1", profile, owner)], context(NOON + DAY))
    assert (again.passed, again.reason, again.ledger, again.id) == (
        True,
        Reason.ALREADY,
        first.ledger,
        first.id,
    )
    assert LedgerRow.objects.count() == Decision.objects.count() == 1
    ledger.release({"1:a:1": "bounced"})
    assert not reserve([ask("1:a:1", profile, owner)], context())[0].passed
    twice = ask("2:a:1", profile, owner)
    assert [one.passed for one in reserve([twice, twice], context())] == [True, True]
    assert LedgerRow.objects.count() == 2


def test_two_asks_a_minute_apart_or_in_one_batch_never_both_pass(alice):
    publish("day", limit=1, window=rolling(24))
    profile, (owner, other) = alice
    low, high = ask("1:a:1", profile, owner, priority=1), ask("2:a:1", profile, other, priority=5)
    assert [one.passed for one in reserve([low, high], context())] == [False, True]
    later = ask("3:a:1", profile, owner, due_at=NOON + MINUTE)
    assert not reserve([later], context(NOON + MINUTE))[0].passed


def test_a_reservation_for_later_is_not_broken_by_one_for_now(alice):
    publish("day", limit=1, window=rolling(24))
    profile, (owner, _) = alice
    assert reserve([ask("1:a:1", profile, owner, due_at=NOON + 8 * HOUR)], context())[0].passed
    [now] = reserve([ask("2:a:1", profile, owner)], context())
    assert (now.passed, now.earliest) == (False, NOON + 32 * HOUR)


def test_what_is_unknown_counts_what_is_released_does_not(alice):
    publish("day", limit=1, window=rolling(24))
    profile, (owner, _) = alice
    reserve([ask("1:a:1", profile, owner)], context())
    ledger.unknown(["1:a:1"], "the provider did not answer")
    assert not reserve([ask("2:a:1", profile, owner)], context())[0].passed
    ledger.release({"1:a:1": "never left"})
    assert reserve([ask("2:a:1", profile, owner)], context())[0].passed


def test_changes_of_status_are_conditional(alice):
    profile, (owner, _) = alice
    reserve([ask(f"{n}:a:1", profile, owner) for n in range(3)], context())
    assert ledger.commit({"0:a:1": "provider-7", "9:a:1": ""}) == ["0:a:1"]
    assert (
        ledger.commit({"0:a:1": "other"})
        == ledger.release({"0:a:1": "x"})
        == ledger.unknown(["0:a:1"], "x")
        == []
    )
    assert LedgerRow.objects.get(key="0:a:1").provider_id == "provider-7"
    assert ledger.unknown(["1:a:1"], "time-out") == ["1:a:1"]
    assert ledger.commit({"1:a:1": ""}) == ["1:a:1"]
    assert ledger.release({"2:a:1": "suppressed"}) == ["2:a:1"]
    assert ledger.commit({"2:a:1": ""}) == []
    assert [status(f"{n}:a:1") for n in range(3)] == ["committed", "committed", "released"]


def test_changing_weights_and_tags_later_never_rewrites_the_past(alice):
    weights()
    publish("points", limit=3, unit="points", window=rolling(24))
    profile, (owner, _) = alice
    reserve([ask("1:a:1", profile, owner, channel="sms")], context())
    ChannelWeight.objects.update(weight=1000)
    MessageClass.objects.update(counts_toward_caps=False, weight=10)
    assert (LedgerRow.objects.get().points, LedgerRow.objects.get().counts) == (200, True)
    MessageClass.objects.update(counts_toward_caps=True)
    verdicts = weigh([ask(f"{n}:a:1", profile, owner) for n in (2, 3)], NOON)
    assert sorted(one.passed for one in verdicts) == [False, True]


def test_a_merge_adds_both_accounts_up_and_a_split_gives_them_back(alice):
    publish("day", limit=2, window=rolling(24))
    profile, (owner, _) = alice
    bob, (bobs, *_) = person("bob")
    reserve([ask("1:a:1", profile, owner), ask("2:a:1", bob.pk, bobs.pk)], context())
    Identifier.objects.filter(pk=bobs.pk).update(profile=profile)
    assert not reserve([ask("3:a:1", profile, owner)], context())[0].passed
    Identifier.objects.filter(pk=bobs.pk).update(profile=bob)
    assert reserve([ask("3:a:1", profile, owner), ask("4:a:1", bob.pk, bobs.pk)], context())[
        0
    ].passed
    assert LedgerRow.objects.filter(owner=bobs).count() == 2


def test_transactional_mail_passes_and_is_still_on_the_ledger(alice):
    weights()
    publish("none", limit=0, window=rolling(24))
    profile, (owner, _) = alice
    [decision] = reserve([ask("1:a:1", profile, owner, message_class="transactional")], context())
    assert (decision.passed, decision.reason) == (True, Reason.EXEMPT)
    assert LedgerRow.objects.get().counts is False


def test_a_cap_of_one_s_own_follows_the_owner(alice):
    publish("display", limit=1, window=rolling(24), scope={"channels": ["display"]})
    profile, (owner, other) = alice
    caps.change([PersonCap(other, "display", 0, DAY, NOON + HOUR, "journey 3")], context())
    caps.change([PersonCap(other, "display", 5, DAY, NOON + HOUR, "journey 3")], context())
    asks = [ask(f"{n}:a:1", profile, owner, channel="display") for n in range(6)]
    assert sum(one.passed for one in reserve(asks, context())) == 5
    _, (bobs, *_) = person("bob")
    assert reserve([ask("9:a:1", bobs.profile_id, bobs.pk, channel="display")], context())[
        0
    ].passed


def test_the_last_word_on_a_cap_holds_whichever_identifier_it_was_given_under(alice):
    profile, (owner, other) = alice
    caps.change([PersonCap(other, "display", 0, DAY, NOON + DAY, "journey 3")], context(NOON))
    caps.change([PersonCap(owner, "display", 5, DAY, NOON + DAY, "journey 3")], context(NOON + 1))
    asks = [ask(f"{n}:a:1", profile, owner, channel="display") for n in range(6)]
    assert sum(one.passed for one in reserve(asks, context(NOON + 2))) == 5


def test_what_nobody_changed_holds_in_a_fresh_installation(alice):
    publish("points", limit=2.1, unit="points", window=rolling(24))
    profile, (owner, _) = alice
    asks = [
        ask("1:a:1", profile, owner, message_class="transactional", channel="call"),
        ask("2:a:1", profile, owner, channel="sms", priority=3),
        ask("3:a:1", profile, owner, channel="display", priority=2),
        ask("4:a:1", profile, owner, channel="display", priority=1),
        ask("5:a:1", profile, owner, channel="site"),
    ]
    passed = {one.key: one.passed for one in reserve(asks, context())}
    assert passed == {
        "1:a:1": True,
        "2:a:1": True,
        "3:a:1": True,
        "4:a:1": False,
        "5:a:1": True,
    }


def test_asking_whether_it_would_pass_counts_like_sending_and_stores_nothing(alice):
    publish("day", limit=1, window=rolling(24))
    profile, (owner, _) = alice
    asks = [ask(f"{n}:a:1", profile, owner) for n in range(2)]
    assert sorted(one.passed for one in weigh(asks, NOON)) == [False, True]
    assert LedgerRow.objects.count() == Decision.objects.count() == Intent.objects.count() == 0


def test_somebody_who_was_shown_thousands_of_ads_holds_nobody_up(alice):
    """Each contact that falls out of the window makes room for none before 5,990 have."""
    publish("month", limit=10, window=rolling(24 * 30), when_capped="defer")
    publish("ads", limit=9, window=rolling(24 * 20), scope={"channels": ["display"]})
    profile, (owner, other) = alice
    step = 7 * MINUTE
    first = NOON - 5_999 * step
    impressions(6_000, (owner, other), first, step)
    asks = [ask(f"{n}:a:1", profile, owner, channel=CHANNELS[n % 2]) for n in range(40)]
    decisions = reserve(asks, context())
    earliest = first + 5_990 * step + 30 * DAY
    assert {(one.reason, one.earliest) for one in decisions} == {(Reason.CAPPED, earliest)}
    assert {
        one.earliest for one in reserve([ask("x", profile, owner)], context(earliest - 1))
    } == {earliest}
    [passed] = reserve([ask("y", profile, owner)], context(earliest))
    assert passed.passed


CHANNELS = ("email", "display")


def test_quiet_hours_are_asked_again_at_hand_over(alice, settings):
    QuietHours.objects.create(name="night", start="22:00", end="08:00")
    profile, (owner, _) = alice
    settings.TIME_ZONE = "Asia/Tokyo"
    asks = [ask("1:a:1", profile, owner), ask("2:a:1", profile, owner, time_zone="UTC")]
    assert quiet_until(asks, NOON + HOUR) == {"1:a:1": NOON + 11 * HOUR, "2:a:1": NOON + HOUR}


def test_the_number_of_statements_does_not_depend_on_the_number_of_asks():
    publish("day", limit=1, window=rolling(24))
    people = [person(f"p{n}") for n in range(60)]

    def statements(batch: list[Any], name: str) -> int:
        asks = [
            ask(f"{name}{n}:a:1", one.pk, owners[0].pk) for n, (one, owners) in enumerate(batch)
        ]
        with CaptureQueriesContext(connection) as captured:
            reserve(asks * 2, context())
        return len(captured)

    assert statements(people[:1], "a") == statements(people[1:], "b") <= 13


# --- Never above a limit, in any window, whatever the order ---


class NeverAboveALimit(TestCase):
    """Random asks of three identifiers, merged and split on the way, against a count by hand of every window."""

    @settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(60))
    @given(
        st.integers(0, 3),
        st.sampled_from([1, 2, 24]),
        st.lists(
            st.tuples(
                st.integers(0, 2),  # owner
                st.integers(0, 300),  # minutes from now until it is due
                st.sampled_from(["email", "sms"]),
                st.integers(0, 2),  # priority
                st.booleans(),  # ends its batch
                st.sampled_from(["", "release", "unknown", "commit"]),
            ),
            max_size=25,
        ),
    )
    def test_never(self, most: int, length: int, steps: list[Any]) -> None:
        everything = publish("all", limit=most, window=rolling(length))
        assert everything.pk
        publish("sms", limit=1, window=rolling(length), scope={"channels": ["sms"]})
        one, owners = person("carol", "email:c1", "email:c2")
        batch: list[Any] = []
        for number, (owner, minutes, channel, priority, ends, fate) in enumerate(steps):
            due = NOON + minutes * MINUTE
            batch.append(
                ask(
                    f"{number}:a:1",
                    one.pk,
                    owners[owner].pk,
                    due_at=due,
                    channel=channel,
                    priority=priority,
                )
            )
            if ends:
                self._reserve(batch, NOON + number * SECOND, fate)
                batch = []
        self._reserve(batch, NOON + HOUR, "")
        self._check(most, length * HOUR)

    def _reserve(self, batch: list[Any], now: int, fate: str) -> None:
        passed = [one.key for one in reserve(batch, context(now)) if one.passed]
        if fate == "release":
            ledger.release(dict.fromkeys(passed, "test"))
        if fate == "unknown":
            ledger.unknown(passed, "test")
        if fate == "commit":
            ledger.commit(dict.fromkeys(passed, ""))

    def _check(self, most: int, length: int) -> None:
        rows = list(
            LedgerRow.objects.exclude(status="released").values_list("effective_at", "channel")
        )
        times = [int(at.timestamp() * 1000) for at, _ in rows]
        texts = [int(at.timestamp() * 1000) for at, channel in rows if channel == "sms"]
        for found, limit in ((times, most), (texts, 1)):
            for start in found:
                assert sum(start <= at < start + length for at in found) <= limit
