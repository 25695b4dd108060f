"""Two people are taken for one and parted again: they are in their audiences since when they would be, had that never happened."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from activation.audiences import parted, services
from activation.audiences.models import Audience, Membership, MembershipLog, Replay
from identity.clock import DAY, HOUR, from_datetime, to_datetime
from identity.graph.types import Verdict
from identity.models import Identifier, LaneCommand, Profile, ProfileMove, Source
from identity.profiles import decisions, facts, selectors
from identity.profiles.past import Past
from identity.touchpoints.types import Identifier as Named
from tests.road import Road
from tests.soaking import examples
from tests.stores import undone

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.stores]

PEOPLE = ALICE, BOB = Named.of("user_id:alice"), Named.of("user_id:bob")
VIP = "vip"  # the audience that is kept by hand
RULES: dict[str, Any] = {
    "gold": {"trait": "plan", "op": "eq", "value": "gold"},
    "trial-over": {"trait": "trial_ends", "op": "before", "value": {"days": 0}},
    "buyers": {"counter": "orders", "op": "ge", "value": 2},
    "big": {"counter": "revenue", "op": "ge", "value": 5_000, "currency": "EUR"},
    "lately": {"did": "Order Completed", "within_days": 3},
    "keen": {"did": "page", "at_least": 3, "within_days": 2},
    "silent": {"not": {"did": "page", "within_days": 2}},
    "awake": {"counter": "last_seen", "op": "after", "value": {"days": -2}},
    "gold-or-keen": {
        "or": [
            {"trait": "plan", "op": "eq", "value": "gold"},
            {"did": "page", "at_least": 2, "within_days": 1},
        ]
    },
}
Standing = set[tuple[str, str, int, str]]  # profile, audience, since, cause


class Step(NamedTuple):
    """After some hours somebody does something."""

    hours: int
    who: Named
    deed: str


def do(road: Road, step: Step) -> None:
    road.pass_time(step.hours * HOUR)
    said: dict[str, Any] = {"userId": step.who.value}
    match step.deed:
        case "order":
            worth = {"order_id": str(road.now), "revenue": 30, "currency": "EUR"}
            road.receive({**said, "event": "Order Completed", "properties": worth})
        case "one order" | "refund":
            event = "Order Completed" if step.deed == "one order" else "Order Refunded"
            worth = {"order_id": "one", "revenue": step.hours + 1, "currency": "EUR"}
            road.receive({**said, "event": event, "properties": worth})
        case "gold" | "silver":
            road.receive({**said, "type": "identify", "traits": {"plan": step.deed}})
        case "trial":
            ends = to_datetime(road.now + DAY).isoformat()
            road.receive({**said, "type": "identify", "traits": {"trial_ends": ends}})
        case "vip":
            vip = Audience.objects.get(slug=VIP).pk
            services.add_members(vip, [road.owner(step.who.key)], actor="tests", now=road.now)
        case "new browser":
            road.receive({**said, "type": "page", "anonymousId": "a-new-one"})
        case deed:
            road.receive({**said, "type": deed})
    road.run()


def set_up(road: Road) -> None:
    """Publish the audiences, and let two people come by."""
    Source.objects.filter(pk=road.source.pk).update(uuid=UUID(int=1))
    who: dict[str, Any] = {"actor": "tests", "now": road.now}
    for slug, rule in RULES.items():
        services.publish(services.create(slug, kind="rule", rule=rule, **who).pk, **who)
    services.publish(services.create(VIP, kind="manual", **who).pk, **who)
    road.run()
    for one in PEOPLE:
        do(road, Step(1, one, "page"))


def merge(road: Road) -> int:
    road.pass_time(HOUR)
    asked = decisions.ask(Verdict.ALWAYS, *PEOPLE, why="", actor="tests", now=road.now)
    road.run()
    return asked.decision


def part(road: Road, decision: int) -> None:
    decisions.ask_undo(decision, actor="tests", now=road.now)
    road.run()
    assert not LaneCommand.objects.exclude(error="").exists()


def standing() -> Standing:
    rows = Membership.objects.values_list("profile__uid", "audience__slug", "since", "cause")
    return {(uid, slug, from_datetime(since), cause) for uid, slug, since, cause in rows}


def live(road: Road, lives: Iterable[list[Step]], *, merged: bool) -> Standing:
    """Go through the parts of a life; in every second one the two are taken for one."""
    set_up(road)
    for number, steps in enumerate(lives):
        together = merged and number % 2
        if not together:
            road.pass_time(HOUR)
        decision = merge(road) if together else 0
        for step in steps:
            do(road, step)
        road.pass_time(HOUR)
        if decision:
            part(road, decision)
    return standing()


_directories = itertools.count()
_DEEDS = ["page", "order", "one order", "refund", "gold", "silver", "trial", "vip"]
_steps = st.lists(
    st.builds(Step, st.integers(0, 30), st.sampled_from(PEOPLE), st.sampled_from(_DEEDS)),
    max_size=6,
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(20, soak=200),
)
@given(lives=st.lists(_steps, min_size=2, max_size=5))
@example(
    lives=[
        [],
        [Step(1, BOB, "gold"), Step(5, ALICE, "gold"), Step(1, BOB, "silver")],
        [],
        [Step(1, BOB, "gold"), Step(1, BOB, "silver")],
    ]
)
@example(lives=[[Step(15, ALICE, "page"), Step(30, ALICE, "page")], []])
@example(lives=[[Step(1, ALICE, "order")], [Step(30, BOB, "order"), Step(30, ALICE, "order")]])
def test_who_is_parted_is_in_since_when_they_would_be_without_the_merge(
    db: None, tmp_path: Path, lives: list[list[Step]]
) -> None:
    assert run(tmp_path, lives, merged=True) == run(tmp_path, lives, merged=False)


def run(tmp_path: Path, lives: list[list[Step]], *, merged: bool) -> Standing:
    """Live in a world of its own, of which nothing stays."""
    directory = tmp_path / str(next(_directories))
    directory.mkdir()
    with undone(), opened(directory) as road:
        return live(road, lives, merged=merged)


@contextmanager
def opened(directory: Path) -> Iterator[Road]:
    road = Road(directory)
    with closing(road.writer):
        yield road


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(20),
)
@given(steps=_steps)
def test_what_is_folded_in_memory_is_what_the_tables_say(
    db: None, tmp_path: Path, steps: list[Step]
) -> None:
    directory = tmp_path / str(next(_directories))
    directory.mkdir()
    with undone(), opened(directory) as road:
        set_up(road)
        for step in steps:
            do(road, step)
        for person in facts.of(Profile.objects.values_list("pk", flat=True)).values():
            past = Past(person)
            for each in road.store.timeline(
                selectors.identifiers(person.profile), before=None, limit=100
            ):
                past.add(each)
            for name in ("traits", "orders", "first_seen", "last_seen"):
                assert getattr(past.facts, name) == getattr(person, name), name
            assert +Counter(past.facts.revenue) == +Counter(person.revenue)


def test_the_log_keeps_what_was_told_and_says_what_is_right(road: Road) -> None:
    set_up(road)
    decision = merge(road)
    do(road, Step(1, BOB, "gold"))
    entered = road.now
    road.pass_time(HOUR)
    part(road, decision)
    last = MembershipLog.objects.filter(audience__slug="gold").latest("pk")
    assert (last.entered, last.cause, last.why) == (True, "identity", "touchpoint")
    assert from_datetime(last.at) == road.now
    assert last.since is not None
    assert from_datetime(last.since) == entered


def test_who_has_a_long_history_keeps_what_the_split_gave_back(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parted, "MOST", 3)
    set_up(road)
    do(road, Step(1, BOB, "gold"))
    before = {each for each in standing() if each[1] == "gold"}
    decision = merge(road)
    for _ in range(3):
        do(road, Step(1, BOB, "page"))
    part(road, decision)
    assert {each for each in standing() if each[1] == "gold"} == before
    [found] = [since for _, slug, since, _ in standing() if slug == "keen"]
    assert found == road.now


def test_who_is_taken_for_one_again_is_left_to_the_next_split(road: Road) -> None:
    set_up(road)
    decision = merge(road)
    do(road, Step(1, BOB, "gold"))
    part(road, decision)
    parted_at = road.now
    road.pass_time(HOUR)
    merge(road)
    before = standing()
    for profile in Profile.objects.all():
        Replay.objects.create(profile=profile, came_at=parted_at - 2 * HOUR, parted_at=parted_at)
    road.run()
    assert standing() == before
    assert not Replay.objects.exists()


# --- Others come and go ---


def come(road: Road, **said: str) -> None:
    road.pass_time(HOUR)
    road.receive({"type": "page", **said})
    road.run()


def test_who_takes_over_a_browser_has_not_had_it_before(road: Road) -> None:
    """Alice's browser becomes Bob's, whom nobody ever took for Alice."""
    set_up(road)
    come(road, anonymousId="shared")
    come(road, anonymousId="shared", userId="alice")
    road.pass_time(50 * HOUR)
    come(road, anonymousId="shared")
    road.pass_time(HOUR)
    mine = {each for each in standing() if each[0] == uid_of(BOB)}
    come(road, anonymousId="shared", userId="bob")
    assert ProfileMove.objects.filter(kind="split").exists()
    kept = {slug: (since, why) for _, slug, since, why in mine if slug != "silent"}
    now = {slug: (since, why) for uid, slug, since, why in standing() if uid == uid_of(BOB)}
    assert kept.items() <= now.items()
    assert all(since in {road.now, kept.get(slug, (0, ""))[0]} for slug, (since, _) in now.items())


def test_a_browser_that_came_up_meanwhile_goes_with_its_person(db: None, tmp_path: Path) -> None:
    """It never had a profile of its own, and stands first among what leaves."""
    lives = [[], [Step(1, BOB, "gold"), Step(1, BOB, "new browser"), Step(1, BOB, "new browser")]]
    assert run(tmp_path, lives, merged=True) == run(tmp_path, lives, merged=False)


def test_who_joined_meanwhile_is_not_taken_to_have_been_there_before(road: Road) -> None:
    """Alice signs in on a phone that has a past, while Bob is taken for her."""
    set_up(road)
    decision = merge(road)
    for _ in range(3):
        come(road, anonymousId="phone")
    come(road, anonymousId="phone", userId="alice")
    road.pass_time(HOUR)
    before = {each for each in standing() if each[0] == uid_of(ALICE)}
    part(road, decision)
    after = {each for each in standing() if each[0] == uid_of(ALICE)}
    assert after
    assert after <= before


def test_what_a_merge_ended_comes_back_though_the_other_signed_in_meanwhile(road: Road) -> None:
    """The profile that they were merged into was merged itself; the merge is still when they lost what they were in."""
    set_up(road)
    come(road, anonymousId="b1")
    identified = {"type": "identify", "anonymousId": "b2", "traits": {"plan": "gold"}}
    road.pass_time(HOUR)
    road.receive(identified)
    road.run()
    entered = road.now
    road.pass_time(HOUR)
    b1, b2 = Named.of("anonymous_id:b1"), Named.of("anonymous_id:b2")
    road.receive({"type": "identify", "anonymousId": "b1", "traits": {"plan": "silver"}})
    road.run()
    asked = decisions.ask(Verdict.ALWAYS, b1, b2, why="", actor="tests", now=road.now)
    come(road, anonymousId="b1", userId="carol")
    road.pass_time(HOUR)
    part(road, asked.decision)
    assert [(since, why) for _, slug, since, why in standing() if slug == "gold"] == [
        (entered, "touchpoint")
    ]


def uid_of(one: Named) -> str:
    return str(Identifier.objects.get(key=one.key).profile.uid)
