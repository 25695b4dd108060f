"""What policies say: scopes, overrides, classes, points, own caps, the earliest time. Pure."""

from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.pressure import policy as policies
from activation.pressure.policy import Account, Rulebook
from activation.pressure.types import (
    Ask,
    Calendar,
    Contact,
    MessageClass,
    Period,
    PersonCap,
    Policy,
    PolicyMode,
    Quiet,
    Reason,
    Rolling,
    Scope,
    Unit,
)
from identity.clock import DAY, HOUR, MINUTE
from tests.activation.people import NOON, hours

EMAIL = Scope(channels=frozenset({"email"}))
WEIGHTS = {
    "email": 100,
    "push": 100,
    "sms": 200,
    "call": 500,
    "in_app": 50,
    "display": 10,
    "site": 0,
}
CLASSES = {
    "marketing": MessageClass("marketing"),
    "light": MessageClass("light", weight=50),
    "transactional": MessageClass("transactional", obeys_caps=False, counts_toward_caps=False),
    "service": MessageClass("service", obeys_caps=False, counts_toward_caps=True),
    "survey": MessageClass("survey", obeys_caps=True, counts_toward_caps=False),
}


def ask(key: str = "1:send:1", **rest: Any) -> Ask:
    known: dict[str, Any] = {
        "profile": 1,
        "owner": 1,
        "channel": "email",
        "message_class": "marketing",
        "due_at": NOON,
    }
    return Ask(key=key, **{**known, **rest})


def book(*found: Policy, **rest: Any) -> Rulebook:
    return Rulebook(policies=found, weights=WEIGHTS, classes=CLASSES, **rest)


def limit(number: int, most: int, days: float = 1, **rest: Any) -> Policy:
    window = Rolling(int(days * DAY))
    return Policy(
        id=number, version=1, name=f"policy {number}", limit=most, **{"window": window, **rest}
    )


def override(number: int, base: int, audience: int, most: int, **rest: Any) -> Policy:
    return limit(number, most, mode=PolicyMode.OVERRIDE, base=base, audience=audience, **rest)


def sent(
    *times: int,
    channel: str = "email",
    message_class: str = "marketing",
    points: int = 100,
    counts: bool = True,
) -> list[Contact]:
    return [Contact(at, channel, message_class, None, points, counts) for at in times]


def test_without_policies_everything_passes():
    verdict = policies.weigh(ask(), Account(), book(), NOON)
    assert (verdict.passed, verdict.reason, verdict.earliest) == (True, Reason.ROOM, NOON)


def test_the_fourth_contact_passes_exactly_when_the_first_leaves_the_window():
    account = Account(sent(*hours(-20, -10, -1)))
    rules = book(limit(1, 3))
    verdict = policies.weigh(ask(), account, rules, NOON)
    assert (verdict.passed, verdict.reason) == (False, Reason.CAPPED)
    assert verdict.earliest == NOON + 4 * HOUR
    assert verdict.winner is not None
    assert (verdict.winner.use, verdict.winner.limit) == (3, 3)
    assert not policies.weigh(ask(), account, rules, NOON + 4 * HOUR - 1).passed
    assert policies.weigh(ask(), account, rules, NOON + 4 * HOUR).passed


def test_a_contact_reserved_for_later_fills_the_windows_that_hold_both():
    account = Account(sent(*hours(8)))
    verdict = policies.weigh(ask(), account, book(limit(1, 1)), NOON)
    assert verdict.earliest == NOON + 32 * HOUR


def test_all_limits_hold_together_and_a_class_never_loosens_a_channel():
    per_channel = limit(1, 1, scope=EMAIL)
    per_class = limit(2, 10, scope=Scope(classes=frozenset({"marketing"})))
    verdict = policies.weigh(ask(), Account(sent(NOON - HOUR)), book(per_class, per_channel), NOON)
    assert not verdict.passed
    assert [(use.policy, use.room) for use in verdict.uses] == [(2, True), (1, False)]
    assert verdict.winner == verdict.uses[1]


def test_a_policy_counts_and_holds_back_only_what_is_in_its_scope():
    rules = book(
        limit(1, 1, scope=Scope(frozenset({"email"}), frozenset({"marketing"}), frozenset({7})))
    )
    account = Account([Contact(NOON - HOUR, "email", "marketing", 7, 100)])
    assert not policies.weigh(ask(journey=7), account, rules, NOON).passed
    for other in (
        ask(journey=8),
        ask(journey=7, channel="sms"),
        ask(journey=7, message_class="light"),
        ask(),
    ):
        assert policies.weigh(other, account, rules, NOON).passed
    elsewhere = Account([Contact(NOON - HOUR, "email", "marketing", 8, 100)])
    assert policies.weigh(ask(journey=7), elsewhere, rules, NOON).passed


@pytest.mark.parametrize(
    ("audiences", "found", "expected"),
    [
        (set(), [], 3),
        ({5}, [override(2, 1, 5, 1)], 1),  # tightens
        ({5}, [override(2, 1, 5, 9)], 9),  # loosens what it names
        ({6}, [override(2, 1, 5, 9)], 3),  # not for others
        ({5}, [override(2, 99, 5, 9)], 3),  # names another policy
        ({5, 6}, [override(2, 1, 5, 9), override(4, 1, 6, 2)], 2),  # same rank: the strictest
        ({5, 6}, [override(2, 1, 5, 9, rank=10), override(4, 1, 6, 2)], 9),  # the highest rank
        (
            {5, 6},
            [override(2, 1, 5, 4), override(4, 1, 6, 7, days=7)],
            7,
        ),  # strictest: least per time
    ],
)
def test_overrides(audiences, found, expected):
    account = Account(audiences=frozenset(audiences))
    verdict = policies.weigh(ask(), account, book(limit(1, 3), *found), NOON)
    assert [use.limit for use in verdict.uses] == [expected]


def test_an_override_replaces_only_the_policy_it_names():
    rules = book(limit(1, 1, scope=EMAIL), limit(2, 5), override(3, 2, 5, 99))
    account = Account(sent(NOON - HOUR), frozenset({5}))
    verdict = policies.weigh(ask(), account, rules, NOON)
    assert [(use.limit, use.room) for use in verdict.uses] == [(1, False), (99, True)]


def test_an_override_has_the_scope_and_unit_of_its_base():
    base = limit(1, 300, scope=EMAIL, unit=Unit.POINTS)
    loose = override(2, 1, 5, 100, scope=Scope(classes=frozenset({"other"})))
    account = Account(sent(NOON - HOUR, points=100), frozenset({5}))
    verdict = policies.weigh(ask(), account, book(base, loose), NOON)
    assert [(use.policy, use.unit, use.use, use.room) for use in verdict.uses] == [
        (2, Unit.POINTS, 100, False)
    ]


def test_a_policy_of_an_audience_holds_for_its_members_only():
    rules = book(limit(1, 0, audience=5))
    assert policies.weigh(ask(), Account(), rules, NOON).passed
    assert not policies.weigh(ask(), Account(audiences=frozenset({5})), rules, NOON).passed


def test_points_are_channel_times_class_rounded_up():
    rules = book()
    assert rules.points("email", "marketing") == 100
    assert rules.points("call", "light") == 250
    assert rules.points("display", "light") == 5
    assert rules.points("site", "marketing") == 0
    assert (
        Rulebook(weights={"display": 1}, classes={"light": MessageClass("light", 1)}).points(
            "display", "light"
        )
        == 1
    )


def test_points_add_up_to_a_limit_and_pass_at_it():
    rules = book(limit(1, 300, unit=Unit.POINTS))
    account = Account(sent(NOON - HOUR, channel="sms", points=200))
    assert policies.weigh(ask(), account, rules, NOON).passed
    refused = policies.weigh(ask(channel="sms"), account, rules, NOON)
    assert (refused.passed, refused.cost) == (False, 200)


def test_what_alone_is_above_a_limit_never_passes():
    verdict = policies.weigh(
        ask(channel="call"), Account(), book(limit(1, 400, unit=Unit.POINTS)), NOON
    )
    assert (verdict.reason, verdict.earliest) == (Reason.NEVER, None)


def test_the_two_flags_of_a_class_are_independent():
    full = Account(sent(NOON - HOUR))
    rules = book(limit(1, 1), quiet=[Quiet(time(0), time(23))])
    transactional = policies.weigh(ask(message_class="transactional"), full, rules, NOON)
    service = policies.weigh(ask(message_class="service"), full, rules, NOON)
    assert (transactional.passed, transactional.reason, transactional.counts) == (
        True,
        Reason.EXEMPT,
        False,
    )
    assert (service.passed, service.counts) == (True, True)
    calm = book(limit(1, 1))
    assert not policies.weigh(ask(message_class="survey"), full, calm, NOON).passed
    uncounted = Account(sent(NOON - HOUR, message_class="survey", counts=False))
    assert policies.weigh(ask(), uncounted, calm, NOON).passed


def test_a_class_that_nobody_described_obeys_every_cap():
    assert not policies.weigh(
        ask(message_class="Transactional"), Account(), book(limit(1, 0)), NOON
    ).passed


def test_urgent_passes_against_the_policies_and_says_which():
    verdict = policies.weigh(ask(urgent=True), Account(sent(NOON - HOUR)), book(limit(1, 1)), NOON)
    assert (verdict.passed, verdict.reason, verdict.counts) == (True, Reason.URGENT, True)
    assert verdict.winner is not None
    assert verdict.winner.policy == 1


def test_quiet_hours_go_by_the_person_s_zone_else_by_the_site_s():
    rules = book(quiet=[Quiet(time(22), time(8))], zone="Asia/Tokyo")  # noon UTC is 21:00 in Tokyo
    assert policies.weigh(ask(), Account(), rules, NOON).passed
    assert policies.weigh(ask(), Account(), rules, NOON + HOUR).earliest == NOON + 11 * HOUR
    sydney = policies.weigh(ask(time_zone="Australia/Sydney"), Account(), rules, NOON)
    assert (sydney.reason, sydney.earliest) == (Reason.QUIET, NOON + 10 * HOUR)
    assert (
        policies.weigh(ask(time_zone="nowhere"), Account(), rules, NOON + HOUR).reason
        is Reason.QUIET
    )


def test_quiet_hours_of_one_channel_and_of_the_journey():
    rules = book(quiet=[Quiet(time(0), time(23), frozenset({"sms"}))])
    assert policies.weigh(ask(), Account(), rules, NOON).passed
    assert not policies.weigh(ask(channel="sms"), Account(), rules, NOON).passed
    assert not policies.weigh(
        ask(quiet=(Quiet(time(11), time(13)),)), Account(), rules, NOON
    ).passed


def test_quiet_hours_round_the_clock_are_never():
    rules = book(quiet=[Quiet(time(8), time(20)), Quiet(time(20), time(8))])
    assert policies.weigh(ask(), Account(), rules, NOON).reason is Reason.NEVER


def test_the_earliest_time_is_where_caps_and_quiet_hours_agree():
    rules = book(limit(1, 1), limit(2, 2, days=2), quiet=[Quiet(time(11), time(14))])
    account = Account(sent(*hours(-20, -23)))
    verdict = policies.weigh(ask(), account, rules, NOON)
    assert (
        verdict.earliest == NOON + 26 * HOUR
    )  # day free at +4 h; two days at +25 h, which is quiet until +26 h


def test_a_cap_of_one_s_own_lowers_and_raises_what_holds_for_that_channel_only():
    display = Scope(channels=frozenset({"display"}))
    rules = book(limit(1, 2, scope=display), limit(2, 4))
    low = Account(caps=[PersonCap(1, "display", 0, DAY, NOON + 3 * HOUR)])
    refused = policies.weigh(ask(channel="display"), low, rules, NOON)
    assert (refused.passed, refused.earliest) == (False, NOON + 3 * HOUR)
    assert policies.weigh(ask(), low, rules, NOON).passed
    assert policies.weigh(ask(channel="display"), low, rules, NOON + 3 * HOUR).passed

    high = [PersonCap(1, "display", 3, DAY, NOON + 3 * HOUR)]
    two = Account(sent(*hours(-2, -1), channel="display"), caps=high)
    assert policies.weigh(ask(channel="display"), two, rules, NOON).passed
    four = Account([*two.contacts, *sent(*hours(-3, -4))], caps=[replace(high[0], limit=9)])
    assert not policies.weigh(ask(channel="display"), four, rules, NOON).passed


def test_after_a_raised_cap_the_policy_holds_again():
    rules = book(limit(1, 1, scope=EMAIL))
    caps = [PersonCap(1, "email", 2, DAY, NOON + HOUR)]
    account = Account(sent(*hours(-2, -1)), caps=caps)
    assert policies.weigh(ask(), account, rules, NOON).earliest == NOON + 23 * HOUR


def test_asks_compete_by_priority_value_due_time_and_then_by_a_stable_hash():
    asks = [
        ask("a", priority=1),
        ask("b", priority=2, expected_value=1.0),
        ask("c", priority=2, expected_value=5.0, due_at=NOON + 1),
        ask("d", priority=2, expected_value=5.0, due_at=NOON),
        ask("e", priority=0),
        ask("f", priority=0),
    ]
    ranked = [one.key for one in sorted(asks, key=policies.order)]
    assert ranked[:4] == ["d", "c", "b", "a"]
    asks.reverse()
    assert [one.key for one in sorted(asks, key=policies.order)] == ranked


# --- Against an oracle that tries every minute ---

_windows = st.one_of(
    st.integers(1, 90).map(lambda minutes: Rolling(minutes * MINUTE)),
    st.sampled_from([Calendar(Period.HOUR), Calendar(Period.DAY)]),
)
_policies = st.lists(
    st.tuples(_windows, st.integers(0, 3), st.sampled_from([Scope(), EMAIL])),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)
@given(_policies, st.lists(st.integers(-120, 180), max_size=6), st.integers(0, 90))
def test_the_earliest_time_is_the_first_minute_that_passes(found, minutes, start):
    rules = book(
        *(
            limit(1 + n, most, window=window, scope=scope)
            for n, (window, most, scope) in enumerate(found)
        )
    )
    account = Account(sent(*(NOON + minute * MINUTE for minute in minutes)))
    moment = NOON + start * MINUTE
    verdict = policies.weigh(ask(due_at=moment), account, rules, NOON)
    if verdict.earliest is None:
        assert any(most == 0 for _, most, _ in found)
        return
    assert policies.weigh(ask(due_at=verdict.earliest), account, rules, NOON).passed
    tried = range(moment, verdict.earliest, MINUTE)
    assert not any(policies.weigh(ask(due_at=at), account, rules, NOON).passed for at in tried)
    if not verdict.passed:
        assert not policies.weigh(ask(due_at=verdict.earliest - 1), account, rules, NOON).passed
