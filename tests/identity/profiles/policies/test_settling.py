"""Bringing what is stored to a policy that was applied: with whatever live traffic in between, it ends as if it had always held."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.graph.contents import Part, StoredIdentifier
from identity.graph.models import IdentityPolicy
from identity.graph.policy import DEFAULT, Policy
from identity.graph.types import Decision, Verdict, alone
from identity.profiles import forgetting, models, rebuild, resolve
from identity.profiles.policies import settling
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import SMALL, events, standing
from tests.identity.profiles.identities import (
    EPOCH,
    Stages,
    assignment,
    context,
    cut,
    expected,
    ids,
    seen,
    uid_of,
)
from tests.identity.profiles.policies.changing import (
    NOW,
    followed,
    go_by,
    hubs,
    put_in_force,
    settle,
    settle_all,
    successors,
)
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db
each_example = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(60),
)


def uid(key: str) -> str:
    return uid_of(Identifier.of(key))


def change(stages: Stages, policy: Policy) -> Policy:
    applied = put_in_force(policy)
    go_by(stages, applied)
    return applied


# --- One by one ---------------------------------------------------------------------------------------------------------


def test_a_tighter_limit_splits_and_a_wider_one_joins_again():
    stages = Stages()
    stages.run(seen(1, "loyalty_id:a", "email:m"), seen(2, "loyalty_id:b", "email:m"))
    together = assignment()
    change(stages, followed(loyalty_id=replace(SMALL["loyalty_id"], max=1)))
    settle_all(stages)
    apart = {"loyalty_id:a": uid("loyalty_id:a"), "loyalty_id:b": uid("loyalty_id:b")}
    assert assignment() == {**apart, "email:m": uid("loyalty_id:b")}
    go_by(stages, put_in_force(SMALL, version=3))
    settle_all(stages)
    assert assignment() == together


def test_a_lower_threshold_makes_a_hub_and_a_higher_one_releases_it():
    stages = Stages()
    people = [f"loyalty_id:p{n}" for n in range(3)]
    wide = followed(loyalty_id=replace(SMALL["loyalty_id"], max=None))
    go_by(stages, put_in_force(wide))
    stages.run(*(seen(n, "email:m", each) for n, each in enumerate(people, 1)))
    settle_all(stages)
    assert len(set(assignment().values())) == 1
    narrow = Policy({**wide.namespaces, "email": replace(SMALL["email"], hub=2)})
    go_by(stages, put_in_force(narrow, version=3))
    settle_all(stages)
    assert assignment() == {key: uid(key) for key in ["email:m", *people]}
    assert hubs(stages.store) == {"email:m": 3}
    go_by(stages, put_in_force(wide, version=4))
    settle_all(stages)
    assert len(set(assignment().values())) == 1
    assert hubs(stages.store) == {}


def test_a_value_that_is_blocked_later_joins_nobody_any_more():
    stages = Stages()
    stages.run(seen(1, "user_id:a", "anonymous_id:junk"), seen(2, "crm_id:b", "anonymous_id:junk"))
    assert len(set(assignment().values())) == 1
    change(stages, Policy(SMALL.namespaces, blocked_values=frozenset({"Junk"})))
    settle_all(stages)
    assert assignment() == {
        key: uid(key) for key in ("user_id:a", "crm_id:b", "anonymous_id:junk")
    }


def test_live_traffic_upgrades_what_it_touches():
    stages = Stages()
    stages.run(seen(1, "loyalty_id:a", "email:m"), seen(2, "loyalty_id:b", "email:m"))
    stages.run(seen(3, "user_id:z"))
    change(stages, followed(loyalty_id=replace(SMALL["loyalty_id"], max=1)))
    stages.run(seen(4, "email:m"))
    assert assignment()["loyalty_id:a"] != assignment()["loyalty_id:b"]
    versions = dict(models.Identifier.objects.values_list("key", "policy"))
    assert versions == {"loyalty_id:a": 2, "loyalty_id:b": 2, "email:m": 2, "user_id:z": 1}


def test_what_people_decided_and_what_is_forgotten_stays_so():
    stages = Stages()
    stages.run(seen(1, "loyalty_id:a", "email:m"), seen(2, "loyalty_id:b", "email:m"))
    stages.run(seen(3, "loyalty_id:b", "anonymous_id:c"))
    mail, card = ids("email:m", "loyalty_id:b")
    apart = Decision(mail, card, Verdict.NEVER, 1, at=1)
    changed = stages.store.decide(standing([apart]), epoch=EPOCH)
    resolve.regroup(changed, context(), newborn=False, policy=stages.policy)
    [cookie] = ids("anonymous_id:c")
    detached = stages.store.forget(cookie, after="", limit=9, epoch=EPOCH)
    forgetting.keep(forgetting.Slice(cookie, ""), detached, NOW)
    near = [*stages.store.neighbourhoods(detached.around), alone(cookie)]
    resolve.regroup(near, context(), newborn=False, policy=stages.policy)
    before = assignment()
    assert len(set(before.values())) == 3
    change(stages, followed(loyalty_id=replace(SMALL["loyalty_id"], max=None)))
    settle_all(stages)
    assert assignment() == before
    assert models.Identifier.objects.get(key=cookie.key).forgotten


def test_a_new_priority_stands_with_the_identifier():
    stages = Stages()
    stages.run(seen(1, "email:m", "anonymous_id:c"))
    change(stages, followed(email=replace(SMALL["email"], priority=8)))
    settle_all(stages)
    assert models.Identifier.objects.get(key="email:m").priority == 8


def test_it_says_how_far_it_is_and_when_it_was_through():
    stages = Stages()
    stages.run(*(seen(n, f"user_id:{n}") for n in range(1, 6)))
    change(stages, followed(email=replace(SMALL["email"], hub=9)))
    assert settling.left() == (2, settling.HUBS, "", {})
    slices = settle_all(stages, limit=2)
    row = IdentityPolicy.objects.get()
    assert (slices, row.processed) == (6, 10)
    assert row.settled_at is not None
    assert settling.left() is None


def test_in_another_store_it_begins_again():
    stages = Stages()
    stages.run(seen(1, "loyalty_id:a", "email:m"), seen(2, "loyalty_id:b", "email:m"))
    change(stages, followed(loyalty_id=replace(SMALL["loyalty_id"], max=1)))
    settle(stages, limit=2)
    settling.begin_again()
    assert settling.left() == (2, settling.HUBS, "", {})
    settle_all(stages)
    assert len(set(assignment().values())) == 2
    settling.begin_again()
    assert settling.left() is None


def test_there_is_nothing_to_do_without_a_stored_policy():
    assert settling.left() is None
    assert DEFAULT.version == 1


# --- Any stream ---------------------------------------------------------------------------------------------------------


def drive(data: st.DataObject, stages: Stages, first, more, policy: Policy) -> Policy:
    """Let the first stream through, change the policy, and mix the second with slices of the walk, some of which are lost."""
    for batch in cut(first, data.draw(st.integers(1, 4))):
        stages.run(*batch)
    applied = change(stages, policy)
    later = [replace(event, number=100 + event.number) for event in more]
    for batch in cut(later, 2):
        stages.run(*batch)
        for lost in data.draw(st.lists(st.booleans(), max_size=3)):
            settle(stages, data.draw(st.integers(1, 5)), lost=lost)
    settle_all(stages, data.draw(st.integers(1, 9)))
    return applied


@each_example
@given(data=st.data(), first=events(), more=events(most=6), policy=successors(limits=False))
def test_a_policy_that_was_applied_is_as_if_it_had_always_held(data, first, more, policy):
    with undone():
        stages = Stages()
        applied = drive(data, stages, first, more, policy)
        whole = [*first, *(replace(event, number=100 + event.number) for event in more)]
        assert assignment() == expected(whole, applied)


@each_example
@given(data=st.data(), first=events(), more=events(most=6), policy=successors(limits=True))
def test_a_policy_that_was_applied_is_what_a_rebuild_under_it_gives(data, first, more, policy):
    with undone():
        stages = Stages()
        applied = drive(data, stages, first, more, policy)
        report = rebuild.rebuild(stages.store, now=None, size=3)
        assert report.agrees
        assert (report.differing, report.stray) == (0, 0)
        assert set(models.Identifier.objects.values_list("policy", flat=True)) <= {2}
        for page in stages.store.contents().pages(Part.IDENTIFIERS, size=5):
            for row in page.rows:
                assert isinstance(row, StoredIdentifier)
                most = applied.most_around(Identifier.of(row.key))
                assert row.quarantined == (most is not None and row.degree > most)
