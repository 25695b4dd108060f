"""Membership follows touchpoints, identity and the clock, with the cause of each change."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from activation.audiences.models import Match, Membership, Recheck
from activation.audiences.types import MembershipChange
from identity.clock import DAY, HOUR, from_datetime
from identity.profiles.types import Cause
from tests.activation.audiences.world import World
from tests.soaking import examples

pytestmark = pytest.mark.django_db

BOUGHT_TWICE = {"did": "Order Completed", "at_least": 2, "within_days": 7}
GOLD = {"trait": "plan", "op": "eq", "value": "gold"}


@pytest.fixture
def world() -> World:
    return World(people=3)


def told(changes: list[MembershipChange]) -> list[tuple[bool, Cause]]:
    return [(one.entered, one.cause) for one in changes]


def test_a_touchpoint_brings_in_and_the_clock_takes_out_to_the_millisecond(world):
    audience = world.publish("buyers", BOUGHT_TWICE)
    world.build()
    assert told(world.batch([world.touch(0, "Order Completed", ago=DAY)])) == []
    [entered] = world.batch([world.touch(0, "Order Completed")])
    assert (entered.entered, entered.cause, entered.at) == (True, Cause.TOUCHPOINT, world.now)
    assert world.wait(6 * DAY - 1) == []
    [left] = world.wait(1)
    assert (left.entered, left.cause, left.at) == (False, Cause.CLOCK, world.now)
    world.check(audience)


def test_a_clock_change_that_is_late_is_still_dated_when_it_was_due(world):
    audience = world.publish("buyers", {"did": "Order Completed", "within_days": 1})
    world.build()
    world.batch([world.touch(0, "Order Completed")])
    due = world.now + DAY
    [left] = world.wait(3 * DAY)
    assert left.at == due
    world.check(audience)


def test_late_touchpoints_and_history_inside_the_window_count(world):
    audience = world.publish("buyers", BOUGHT_TWICE)
    world.build()
    world.batch(
        [
            world.touch(0, "Order Completed", ago=8 * DAY),
            world.touch(0, "Order Completed", ago=6 * DAY),
        ]
    )
    world.check(audience)
    assert told(world.batch([world.touch(0, "Order Completed", ago=7 * DAY - 1)])) == [
        (True, Cause.TOUCHPOINT)
    ]
    assert told(world.wait(1)) == [(False, Cause.CLOCK)]
    world.check(audience)


def test_a_merge_adds_up_what_both_did_and_a_split_takes_it_apart(world):
    audience = world.publish("buyers", BOUGHT_TWICE)
    world.build()
    world.batch([world.touch(0, "Order Completed"), world.touch(1, "Order Completed")])
    world.move(1, 0)
    assert told(world.batch()) == [(True, Cause.IDENTITY)]
    world.check(audience)
    world.move(1, 1)
    assert told(world.batch()) == [(False, Cause.IDENTITY)]
    world.check(audience)


def test_a_membership_that_a_merge_ended_is_what_it_was_after_the_split(world):
    """However often: the second merge finds what the first split gave back."""
    audience = world.publish("gold", GOLD)
    world.build()
    world.batch([world.touch(0, "identify", traits={"plan": "gold"})])
    world.now += HOUR
    world.batch([world.touch(1, "identify", traits={"plan": "silver"})])
    before = standing()
    for _ in range(2):
        world.now += HOUR
        world.move(1, 0)
        assert told(world.batch()) == [(False, Cause.IDENTITY)]
        world.now += HOUR
        world.move(1, 1)
        assert told(world.batch()) == [(True, Cause.IDENTITY)]
        assert standing() == before
    world.check(audience)


def test_what_somebody_had_left_before_the_merge_is_not_taken_up_again(world):
    world.publish("gold", GOLD)
    world.build()
    world.batch([world.touch(0, "identify", traits={"plan": "gold"})])
    world.now += HOUR
    world.batch([world.touch(0, "identify", traits={"plan": "silver"})])
    world.now += HOUR
    world.move(1, 0)
    world.batch()
    world.now += HOUR
    world.move(1, 1)
    world.batch([world.touch(0, "identify", traits={"plan": "gold"})])
    assert {(since, cause) for _, since, cause in standing()} == {(world.now, "touchpoint")}


def standing() -> set[tuple[int, int, str]]:
    rows = Membership.objects.values_list("profile_id", "since", "cause")
    return {(profile, from_datetime(since), cause) for profile, since, cause in rows}


def test_an_emptied_profile_is_in_no_audience_and_nothing_is_due_for_it(world):
    audience = world.publish("seen", {"did": "page", "within_days": 1})
    world.build()
    world.batch([world.touch(1)])
    world.move(1, 0)
    assert told(world.batch()) == [(True, Cause.IDENTITY), (False, Cause.IDENTITY)]
    assert [one.profile_id for one in Membership.objects.all()] == [world.homes[0].pk]
    assert [one.profile_id for one in Recheck.objects.all()] == [world.homes[0].pk]
    world.check(audience)


def test_the_touchpoint_that_merged_two_people_is_the_cause_of_what_it_brought_itself(world):
    pages = world.publish("pages", {"did": "page", "within_days": 1})
    gold = world.publish("gold", GOLD)
    world.build()
    world.batch([world.touch(1)])
    world.move(1, 0)
    changes = world.batch([world.touch(0, "identify", traits={"plan": "gold"})])
    causes = {one.audience: one.cause for one in changes if one.entered}
    assert causes == {pages.pk: Cause.IDENTITY, gold.pk: Cause.TOUCHPOINT}


BOUGHT = {"counter": "orders", "op": "ge", "value": 1}


def test_who_takes_over_from_a_guest_who_was_in_is_in_by_identity_whatever_else_came(world):
    counted = world.publish("counted", BOUGHT)
    did = world.publish("did", {"did": "Order Completed", "within_days": 7})
    world.build()
    world.batch([world.touch(1, "Order Completed")])
    world.move(1, 0)
    changes = world.batch([world.touch(0, "identify"), world.touch(0, "Order Completed")])
    causes = {(one.audience, one.cause) for one in changes if one.entered}
    assert causes == {(counted.pk, Cause.IDENTITY), (did.pk, Cause.IDENTITY)}


def test_a_counter_is_touched_by_what_it_counts_alone(world):
    audience = world.publish("buyers", BOUGHT)
    world.build()
    world.batch([world.touch(1, "Order Completed"), world.touch(1, "page")])
    assert world.inside(audience) == {1}
    world.move(1, 0)
    [entered, _] = world.batch([world.touch(0, "page")])
    assert entered.cause is Cause.IDENTITY
    assert told(world.batch([world.touch(2, "Order Completed")])) == [(True, Cause.TOUCHPOINT)]


def test_what_was_due_is_done_by_a_batch_that_comes_first(world):
    audience = world.publish("seen", {"did": "page", "within_days": 1})
    world.build()
    world.batch([world.touch(0)])
    world.now += DAY
    assert told(world.batch([world.touch(0, "Signed Up")])) == [(False, Cause.CLOCK)]
    assert world.wait(0) == []
    world.check(audience)


def test_a_date_trait_moves_people_by_the_clock_alone(world):
    soon = {"trait": "renewal", "op": "before", "value": {"days": 2}}
    audience = world.publish(
        "renewing", {"and": [soon, {"trait": "renewal", "op": "after", "value": {"days": 0}}]}
    )
    world.build()
    world.batch([world.touch(0, "identify", traits={"renewal": "2023-11-20"})])
    renewal = 1_700_438_400_000
    [entered, left] = world.wait(10 * DAY)
    assert (entered.entered, entered.at) == (True, renewal - 2 * DAY + 1)
    assert (left.entered, left.at) == (False, renewal + 1)
    assert world.inside(audience) == set()


def test_only_the_newest_matches_that_can_matter_are_kept(world):
    audience = world.publish("buyers", BOUGHT_TWICE)
    world.build()
    world.batch([world.touch(0, "Order Completed", ago=hours * HOUR) for hours in range(50)])
    assert Match.objects.count() == 2
    world.wait(8 * DAY)
    world.build()
    assert Match.objects.count() == 0
    world.check(audience)


def test_filters_on_properties(world):
    where = [{"property": "total", "op": "ge", "value": 100}]
    audience = world.publish("big", {"did": "Order Completed", "within_days": 7, "where": where})
    world.build()
    world.batch(
        [
            world.touch(0, "Order Completed", properties={"total": 99}),
            world.touch(1, "Order Completed", properties={"total": 100}),
        ]
    )
    assert world.inside(audience) == {1}


OPENED = {"did": "Email Opened", "within_days": 7}


def test_what_a_machine_opens_or_scans_moves_nobody_now_or_in_what_was_stored(world):
    scanned = world.publish("scanned", {"did": "Message Link Scanned", "within_days": 7})
    before = world.publish("before", OPENED)
    world.build()
    assert not world.batch(
        [
            world.touch(0, "Email Opened", properties={"open_kind": "machine_suspected"}),
            world.touch(1, "Email Opened", properties={"open_kind": "proxy"}),
            world.touch(1, "Message Link Scanned"),
            world.touch(2, "Page Seen"),
        ]
    )
    after = world.publish("after", OPENED | {"within_days": 8})
    world.build()
    assert world.inside(scanned) | world.inside(before) | world.inside(after) == set()


def test_a_persons_open_counts_and_so_does_one_of_which_nobody_says_whose(world):
    audience = world.publish("openers", OPENED)
    world.build()
    world.batch(
        [
            world.touch(0, "Email Opened", properties={"open_kind": "human"}),
            world.touch(1, "Email Opened"),
        ]
    )
    assert world.inside(audience) == {0, 1}


def test_who_moved_while_an_audience_was_archived_is_seen_when_it_comes_back(world):
    audience = world.publish("gold", GOLD)
    world.build()
    world.batch([world.touch(0, "identify", traits={"plan": "gold"})])
    world.archive(audience)
    world.batch(
        [
            world.touch(0, "identify", traits={"plan": "red"}),
            world.touch(1, "identify", traits={"plan": "gold"}),
            world.touch(2, "identify", traits={"plan": "gold"}),
        ]
    )
    world.publish("gold")
    world.build()
    assert world.inside(audience) == {1, 2}
    world.check(audience)


def test_an_audience_is_cleared_away_while_another_is_built(world):
    gone = world.publish("gold", GOLD)
    world.build()
    people = [world.touch(n, "identify", traits={"plan": "gold"}) for n in range(3)]
    world.batch([*people, *(world.touch(0) for _ in range(50))])
    world.archive(gone)
    world.publish("seen", {"did": "page", "within_days": 7})
    world.build(limit=3, slices=4)
    assert world.inside(gone) == set()


def test_members_by_hand_follow_their_owner(world):
    audience = world.publish("vip", kind="manual")
    world.build()
    world.hand(1, audience.pk)
    assert told(world.wait(0)) == [(True, Cause.HAND)]
    world.move(1, 0)
    assert told(world.batch()) == [(True, Cause.IDENTITY), (False, Cause.IDENTITY)]
    assert world.inside(audience) == {0}
    world.hand(0, audience.pk, put_in=False)
    assert told(world.wait(0)) == [(False, Cause.HAND)]
    world.check(audience)


def test_equal_predicates_of_several_audiences_share_their_matches(world):
    world.publish("a", {"did": "page", "within_days": 7})
    world.publish("b", {"and": [GOLD, {"did": "page", "within_days": 7}]})
    world.build()
    world.batch([world.touch(0)])
    assert Match.objects.count() == 1


def test_the_number_of_statements_does_not_depend_on_the_size_of_the_batch():
    world = World(people=40)
    world.publish("buyers", BOUGHT_TWICE)
    world.publish("gold", GOLD)
    world.publish("vip", kind="manual")
    world.build()

    def statements(people: range) -> int:
        orders = [world.touch(n, "Order Completed") for n in people for _ in range(2)]
        with CaptureQueriesContext(connection) as captured:
            world.batch(orders)
        return len(captured)

    assert statements(range(1)) == statements(range(1, 40))


# --- Whatever happens, in whatever order: as if evaluated from scratch ---

RULES: list[Any] = [
    BOUGHT_TWICE,
    {"did": "page", "at_least": 1, "within_days": 1},
    {"and": [GOLD, {"not": {"did": "page", "at_least": 3, "within_days": 2}}]},
    {"or": [{"did": "Order Completed", "at_least": 3, "within_days": 3}, GOLD]},
    {
        "did": "page",
        "at_least": 2,
        "within_days": 2,
        "where": [{"property": "p", "op": "eq", "value": 1}],
    },
]
PEOPLE = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(
        st.just("touch"),
        st.lists(
            st.tuples(
                PEOPLE,
                st.sampled_from(["page", "page", "Order Completed", "identify"]),
                st.integers(0, 4 * 24),
                st.integers(0, 1),
            ),
            min_size=1,
            max_size=6,
        ),
    ),
    st.tuples(st.just("move"), PEOPLE, PEOPLE),
    st.tuples(st.just("wait"), st.integers(0, 40)),
    st.tuples(st.just("publish"), st.integers(0, 2), st.sampled_from(RULES)),
    st.tuples(st.just("archive"), st.integers(0, 2)),
    st.tuples(st.just("build"), st.integers(1, 6), st.integers(1, 3)),
    st.tuples(st.just("hand"), PEOPLE, st.booleans()),
)


class AsIfFromScratch(TestCase):
    """Touchpoints on time and late, batches of any size, merges, splits, waiting, publishing, archiving, members by hand."""

    @settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(100))
    @given(st.lists(STEPS, max_size=20))
    def test_membership_is_what_the_rules_say(self, steps: list[Any]) -> None:
        world = World(people=4)
        self.manual = world.publish("vip", kind="manual")
        audiences = {0: world.publish("a0", RULES[0]), 1: world.publish("a1", RULES[1])}
        for kind, *rest in steps:
            if kind in {"publish", "archive"}:
                self._decide(world, audiences, kind, *rest)
            else:
                self._happen(world, kind, *rest)
        world.batch()
        world.build(limit=3)
        world.wait(0)
        world.check(self.manual, *audiences.values())
        assert set(Recheck.objects.values_list("profile_id", flat=True)) <= {
            one.pk for one in world.homes
        }

    def _happen(self, world: World, kind: str, *rest: Any) -> None:
        happenings: dict[str, Callable[..., Any]] = {
            "touch": lambda items: world.batch(
                world.touch(
                    person,
                    event,
                    ago=hours * HOUR,
                    properties={"p": value},
                    traits={"plan": ["gold", "red"][value]} if event == "identify" else {},
                )
                for person, event, hours, value in items
            ),
            "move": world.move,
            "wait": lambda hours: world.wait(hours * HOUR, limit=2),
            "build": lambda slices, limit: world.build(limit=limit, slices=slices),
            "hand": lambda person, put_in: world.hand(person, self.manual.pk, put_in=put_in),
        }
        happenings[kind](*rest)
        if kind == "move":
            world.batch()

    def _decide(
        self, world: World, audiences: dict[int, Any], kind: str, place: int, rule: Any = None
    ) -> None:
        if kind == "publish":
            audiences[place] = world.publish(f"a{place}", rule)
        elif place in audiences:
            world.archive(audiences[place])
