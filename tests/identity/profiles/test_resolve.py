"""Stage 2: births, merges, splits, arrivals, and what a retry finds."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity.errors import NotFound
from identity.graph.policy import DEFAULT
from identity.privacy.keys import make_keys
from identity.profiles import models, resolve, selectors
from identity.touchpoints.types import Identifier
from tests.environment import STORES
from tests.identity.graph.evidence import (
    CASES,
    SMALL,
    events,
    events_of,
    policy_of,
    renamed,
    renumbered,
    touchpoint,
)
from tests.identity.profiles.identities import (
    Stages,
    assignment,
    context,
    cut,
    expected,
    ids,
    seen,
    uid_of,
    uids,
)
from tests.soaking import examples
from tests.stores import forget, undone

pytestmark = pytest.mark.django_db
each_example = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=20_000),
)

USER, OTHER, COOKIE = "user_id:a", "user_id:b", "anonymous_id:c"


def uid(key: str) -> str:
    return uid_of(Identifier.of(key))


# --- One by one ---------------------------------------------------------------------------------------------------------


def test_a_visitor_is_born():
    resolved = Stages().run(seen(1, COOKIE))
    [arrival] = resolved.arrivals
    assert resolved.moved == {arrival.profile}
    assert resolved.people[arrival.profile].owners == (arrival.owner,)
    assert resolved.identifiers == {arrival.owner: Identifier.of(COOKIE)}
    row = models.Identifier.objects.get()
    assert (row.key, row.namespace, row.kind, row.priority, row.first_number, row.contested) == (
        *(COOKIE, "anonymous_id", "cookie", 8, 1, False),
    )
    assert row.profile.uid == uid(COOKIE)


def test_only_who_had_no_identifier_before_is_born():
    stages = Stages()
    [visitor] = stages.run(seen(1, COOKIE)).born
    assert not stages.run(seen(2, COOKIE)).born
    signed_in = stages.run(seen(3, COOKIE, USER))
    assert not signed_in.born
    assert signed_in.inherited == {signed_in.arrivals[0].profile: {visitor}}
    known = stages.run(seen(4, USER, "anonymous_id:new"))
    assert (known.born, known.inherited) == (frozenset(), {})
    both = stages.run(seen(5, "user_id:z", "anonymous_id:z"))
    assert both.born == {both.arrivals[0].profile}


def test_a_known_visitor_moves_nothing():
    stages = Stages()
    stages.run(seen(1, COOKIE))
    resolved = stages.run(seen(2, COOKIE))
    assert not resolved.moved
    assert [arrival.touchpoint.number for arrival in resolved.arrivals] == [2]
    assert len(resolved.people) == 1


def test_signing_in_gives_the_persons_id_and_the_old_one_goes_on_answering():
    stages = Stages()
    stages.run(seen(1, COOKIE))
    resolved = stages.run(seen(2, COOKIE, USER), now=7_000)
    assert assignment() == {COOKIE: uid(USER), USER: uid(USER)}
    assert uids(resolved)[1] == {uid(COOKIE), uid(USER)}
    found = selectors.find(uid(COOKIE))
    assert found.profile.uid == found.merged_into == uid(USER)
    assert selectors.find(uid(USER)).merged_into is None
    [move] = selectors.history(found.profile.pk)
    assert (move.at, move.kind, move.origin, move.target) == (
        *(7_000, "merge", uid(COOKIE), uid(USER)),
    )
    assert move.identifiers == ids(COOKIE)
    [joined] = move.evidence["joined"]
    assert (joined["a"], joined["b"], joined["count"]) == (COOKIE, USER, 1)


def test_a_merge_keeps_the_older_persons_id():
    stages = Stages()
    stages.run(seen(1, "email:m"), seen(2, "email:n"))
    stages.run(seen(3, "email:n", "email:m"))
    assert set(assignment().values()) == {uid("email:m")}
    assert selectors.find(uid("email:n")).merged_into == uid("email:m")


def test_the_shared_tablet_goes_with_the_newest_login_and_the_history_says_why():
    stages = Stages()
    stages.run(seen(1, USER, COOKIE))
    resolved = stages.run(seen(2, OTHER, COOKIE))
    assert assignment() == {USER: uid(USER), COOKIE: uid(OTHER), OTHER: uid(OTHER)}
    assert uids(resolved)[1] == {uid(USER), uid(OTHER)}
    row = models.Profile.objects.get(uid=uid(USER))
    [move] = selectors.history(row.pk)
    assert move.kind == "split"
    assert move.evidence["refused"] == [{"a": COOKIE, "b": USER, "reason": "max:user_id"}]
    assert [link["b"] for link in move.evidence["joined"]] == [OTHER]


def test_a_split_says_when_they_had_come_together():
    stages = Stages()
    first = stages.run(seen(1, USER, COOKIE), now=1_000)
    second = stages.run(seen(2, OTHER, COOKIE), now=2_000)
    assert (first.apart, second.apart) == ({}, {})  # the cookie had come with its person
    parted = stages.run(seen(3, USER, COOKIE), now=3_000)
    assert parted.apart == dict.fromkeys(parted.moved, 2_000)
    assert {uid_at(row) for row in parted.apart} == {uid(USER), uid(OTHER)}
    again = stages.run(seen(4, OTHER, COOKIE), now=4_000)
    assert again.apart == dict.fromkeys(again.moved, 3_000)


def uid_at(row: int) -> str:
    return str(models.Profile.objects.get(pk=row).uid)


def test_newer_evidence_for_a_known_link_is_enough():
    stages = Stages()
    stages.run(seen(1, USER, COOKIE), seen(2, OTHER, COOKIE), seen(3, "anonymous_id:z"))
    assert models.Identifier.objects.filter(contested=True).count() == 3
    resolved = stages.run(seen(4, USER, COOKIE))
    assert assignment()[COOKIE] == uid(USER)
    assert uids(resolved)[1] == {uid(USER), uid(OTHER)}


def test_a_hub_leaves_everyone():
    stages = Stages()
    people = [f"loyalty_id:{n}" for n in range(4)]
    stages.run(*(seen(n, "email:m", each) for n, each in enumerate(people[:2], 1)))
    assert len(set(assignment().values())) == 1
    stages.run(*(seen(n, "email:m", each) for n, each in enumerate(people, 5)))
    assert assignment() == {key: uid(key) for key in ["email:m", *people]}


def test_a_touchpoint_refused_as_evidence_counts_for_nobody():
    stages = Stages()
    resolved = stages.run(seen(1, USER, OTHER))
    assert not resolved.arrivals
    assert not resolved.people
    assert not models.Identifier.objects.exists()


def test_a_household_has_no_profile():
    stages = Stages()
    resolved = stages.run(seen(1, USER, "household_id:7"), seen(2, "household_id:7"))
    assert [arrival.touchpoint.number for arrival in resolved.arrivals] == [1]
    assert assignment() == {USER: uid(USER)}


def test_a_duplicate_does_not_arrive_again():
    stages = Stages()
    first = touchpoint(seen(1, USER), SMALL)
    stages.run(first)
    again = stages.run(touchpoint(seen(9, USER), SMALL, id=first.id))
    assert not again.arrivals


def test_arrivals_are_in_the_order_of_their_numbers():
    resolved = Stages().run(seen(3, COOKIE), seen(1, USER), seen(2, COOKIE))
    assert [arrival.touchpoint.number for arrival in resolved.arrivals] == [1, 2, 3]


def test_a_lane_that_died_between_the_stages_leaves_nobody_without_a_profile():
    stages = Stages()
    lost = touchpoint(seen(1, USER, COOKIE), SMALL)
    stages.store.record([lost], epoch=1, contested=())
    resolved = stages.run(seen(2, COOKIE))
    assert [arrival.touchpoint.number for arrival in resolved.arrivals] == [2]
    assert [arrival.touchpoint.number for arrival in stages.run(lost).arrivals] == [1]


def test_the_number_of_statements_does_not_depend_on_the_batch():
    def statements(stages: Stages, first: int, count: int) -> int:
        batch = [
            seen(first + n, f"anonymous_id:{first}-{n}", f"user_id:{first}-{n // 2}")
            for n in range(count)
        ]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            stages.run(*batch)
        return len(captured)

    stages = Stages()
    few, many = statements(stages, 1, 4), statements(stages, 100, 200)
    assert few == many
    assert many < 25


# --- Ids ----------------------------------------------------------------------------------------------------------------


def test_unknown_ids_and_identifiers():
    with pytest.raises(NotFound) as caught:
        selectors.find("00000000-0000-0000-0000-000000000000")
    assert caught.value.code == "unknown_profile"
    with pytest.raises(NotFound) as caught:
        selectors.by_identifier(Identifier.of(USER))
    assert caught.value.code == "unknown_identifier"


def test_a_profile_whose_founder_is_gone_says_so():
    Stages().run(seen(1, COOKIE))
    models.Identifier.objects.all().delete()
    with pytest.raises(NotFound) as caught:
        selectors.find(uid(COOKIE))
    assert caught.value.code == "profile_gone"


def test_members_come_strongest_first():
    Stages().run(seen(1, COOKIE, "email:m", USER, "device_id:d"))
    profile = selectors.by_identifier(Identifier.of("email:m"))
    assert [each.key for each in selectors.identifiers(profile.pk)] == [
        *(USER, "email:m", "device_id:d", COOKIE),
    ]


def test_another_installation_gives_other_ids(settings, tmp_path):
    mine = uid(USER)
    settings.KEYS_FILE = tmp_path / "keys.json"
    make_keys(settings.KEYS_FILE)
    assert uid(USER) != mine


@pytest.mark.skipif(STORES == "neo4j", reason="there it is noted, see test_showing")
def test_nothing_is_noted_for_a_graph_store_that_shows_no_members():
    Stages().run(seen(1, COOKIE))
    assert not models.Unshown.objects.exists()


# --- Any stream ---------------------------------------------------------------------------------------------------------


@each_example
@given(data=st.data(), stream=events())
def test_neither_order_nor_batches_change_who_is_who_nor_the_ids(data, stream):
    order = data.draw(st.permutations(stream))
    size = data.draw(st.integers(1, 6))
    with undone():
        stages = Stages()
        for batch in cut(order, size):
            stages.run(*batch)
        assert assignment() == expected(stream)
        assert_every_id_answers(stream)


def assert_every_id_answers(stream):
    """Each id that was handed out leads to where its founder lives; one of a user never to another user's profile."""
    aliases = renamed(stream)
    for profile in models.Profile.objects.all():
        home = selectors.find(profile.uid).profile
        values = selectors.identifiers(home.pk)
        founder = Identifier.of(profile.founder)
        assert founder in values
        if SMALL[founder.namespace].max == 1 and founder not in aliases:
            assert [each for each in values if each.namespace == founder.namespace] == [founder]


@hypothesis_settings(each_example, max_examples=examples(60))
@given(data=st.data(), stream=events(most=8))
def test_a_retry_of_a_batch_finds_the_same_difference(data, stream):
    size = data.draw(st.integers(1, 4))
    with undone():
        stages = Stages()
        for batch in cut(stream, size):
            with undone():
                first = uids(stages.run(*batch))
            made = [touchpoint(each, SMALL) for each in batch]
            stages.store.record(made, epoch=1, contested=resolve.contested(made))
            assert uids(stages.run(*batch)) == first
        assert assignment() == expected(stream)


@each_example
@given(data=st.data(), stream=events(most=8), more=events(most=3))
def test_a_merge_that_is_taken_back_restores_profiles_and_ids(data, stream, more):
    later = [
        touchpoint(event, SMALL, number=100 + event.number, source=9, id=f"later-{event.number}")
        for event in more
    ]
    with undone():
        stages = Stages()
        stages.run(*stream)
        before = assignment()
        stages.run(*later)
        stages.set_aside(*later)
        after = assignment()
        assert {key: after[key] for key in before} == before
        assert all(uid(key) == after[key] for key in after.keys() - before.keys())
        assert models.Identifier.objects.filter(contested=True).count() == contested(stream)
        stages.set_aside(*later, aside=False)
        stages.run(*later)
        both = [*stream, *(replace(event, number=100 + event.number, source=9) for event in more)]
        assert assignment() == expected(both)


def contested(stream) -> int:
    with undone():
        for model in (models.ProfileMove, models.Identifier, models.Profile):
            model.objects.all().delete()
        forget()
        Stages().run(*stream)
        return models.Identifier.objects.filter(contested=True).count()


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_a_published_case_through_both_stages(case):
    policy = policy_of(case)
    happened = events_of(case, policy)
    for size in (1, 2, len(happened)):
        with undone():
            stages = Stages(policy)
            for batch in cut(renumbered(happened), size):
                stages.run(*batch)
            clusters: dict[str, set[str]] = {}
            for key, home in assignment().items():
                clusters.setdefault(home, set()).add(key)
            assert {frozenset(each) for each in clusters.values()} == {
                frozenset(each) for each in case["expect"]["clusters"]
            }


def test_the_default_policy_is_used_by_default():
    made = touchpoint(seen(1, "user_id:a", "push_token:t"), DEFAULT)
    stages = Stages(DEFAULT)
    recorded = stages.store.record([made], epoch=1, contested=())
    assert resolve.resolve([made], recorded, context()).people
