"""The dry run says what applying will do, and does nothing."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity.graph.policy import Policy
from identity.profiles.policies import trial
from identity.profiles.policies.trial import Trial
from tests.identity.graph.evidence import SMALL, events
from tests.identity.profiles.identities import Stages, assignment, cut, seen
from tests.identity.profiles.policies.changing import (
    followed,
    go_by,
    hubs,
    put_in_force,
    settle_all,
    successors,
)
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db


def tried(stages: Stages, new: Policy, size: int = 3) -> tuple[Trial, set[str]]:
    found, moved, after = Trial(), set(), ""
    between = trial.between(stages.store, stages.policy, new)
    while True:
        step = trial.step(stages.store, between, found, after=after, size=size)
        moved |= {each.key for each in step.moved}
        if step.after is None:
            return found, moved
        after = step.after


def test_a_split_is_told_with_an_example():
    stages = Stages()
    stages.run(seen(1, "loyalty_id:a", "email:m"), seen(2, "loyalty_id:b", "email:m"))
    stages.run(seen(3, "user_id:z"))
    before = assignment()
    found, moved = tried(stages, followed(loyalty_id=replace(SMALL["loyalty_id"], max=1)))
    assert moved == {"email:m", "loyalty_id:b"}
    assert (found.identifiers, found.profiles_before, found.profiles_after) == (4, 2, 3)
    assert (found.merged, found.split, found.moved) == (0, 1, 2)
    assert (found.largest_before, found.largest_after) == (3, 2)
    assert found.examples == [
        {
            "before": [["email:m", "loyalty_id:a", "loyalty_id:b"]],
            "after": [["email:m", "loyalty_id:b"], ["loyalty_id:a"]],
        }
    ]
    assert assignment() == before


def test_a_hub_that_is_released_merges():
    stages = Stages()
    stages.run(*(seen(n, "email:m", f"user_id:u{n}") for n in range(1, 5)))
    wide = followed(
        email=replace(SMALL["email"], hub=9), user_id=replace(SMALL["user_id"], max=None)
    )
    found, moved = tried(stages, wide)
    assert (found.hubs_released, found.hubs_made) == (1, 0)
    assert (found.profiles_before, found.profiles_after, found.merged) == (5, 1, 4)
    assert len(moved) == 4


def test_who_only_gets_another_id_is_neither_merged_nor_moved():
    """Of `max: 2` on, user_id founds no profile that a crm_id may found; nobody meets anybody."""
    stages = Stages()
    stages.run(*(seen(n, f"user_id:u{n}") for n in (1, 2, 3)))
    stages.run(*(seen(n + 10, f"user_id:u{n}", f"crm_id:c{n}") for n in (1, 2)))
    found, moved = tried(stages, followed(user_id=replace(SMALL["user_id"], max=2)))
    assert (found.profiles_before, found.profiles_after) == (3, 3)
    assert (found.merged, found.split, found.moved, moved) == (0, 0, 0, set())
    assert found.renamed == 2
    assert found.examples == []


def test_a_merge_that_brings_another_id_is_a_merge():
    """Neither of the two ids that were there stays."""
    stages = Stages()
    stages.run(*(seen(n, f"user_id:u{n}") for n in (1, 2)))
    stages.run(*(seen(n + 10, f"user_id:u{n}", "crm_id:c") for n in (1, 2)))
    found, moved = tried(stages, followed(user_id=replace(SMALL["user_id"], max=2)))
    assert (found.profiles_before, found.profiles_after) == (2, 1)
    assert (found.merged, found.split, found.renamed, found.moved) == (1, 0, 0, 3)
    assert moved == {"user_id:u1", "user_id:u2", "crm_id:c"}


def test_personal_values_are_masked():
    digest = "0123456789abcdef" * 4
    stages = Stages()
    stages.run(
        seen(1, "loyalty_id:a", f"email:{digest}"), seen(2, "loyalty_id:b", f"email:{digest}")
    )
    found, _ = tried(stages, followed(loyalty_id=replace(SMALL["loyalty_id"], max=1)))
    assert digest not in str(found.examples)
    assert "email:0123456789ab…" in str(found.examples)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(60),
)
@given(
    stream=events(), policy=successors(limits=True), size=st.integers(1, 7), cuts=st.integers(1, 5)
)
def test_what_is_told_is_what_happens(stream, policy, size, cuts):
    with undone():
        stages = Stages()
        for batch in cut(stream, cuts):
            stages.run(*batch)
        before, quarantined = assignment(), set(hubs(stages.store))
        found, moved = tried(stages, policy, size)
        assert assignment() == before
        go_by(stages, put_in_force(policy))
        settle_all(stages)
        after = assignment()
        both = quarantined & set(hubs(stages.store))
        told(
            found,
            moved,
            *({key: home[key] for key in before if key not in both} for home in (before, after)),
        )
        assert found.identifiers == len(before) - len(both)
        assert found.profiles_before + len(both) == len(set(before.values()))
        assert found.profiles_after + len(both) == len(set(after.values()))


def told(
    found: Trial, moved: set[str], before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Compare what was told with who is whose before and after, by who is together and by ids."""
    was, is_ = together(before), together(after)
    renamed = {
        uid for uid, members in was.items() if members in is_.values() and is_.get(uid) != members
    }
    changed = {key for key in before if before[key] != after[key]}
    assert moved == {key for key in changed if before[key] not in renamed}
    assert (found.moved, found.renamed) == (len(moved), len(renamed))
    parts = [{after[key] for key in members} for members in was.values()]
    assert found.split == sum(len(each) > 1 for each in parts)
    assert found.merged == sum(map(len, parts)) - len(is_)


def together(homes: Mapping[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for key, uid in homes.items():
        found.setdefault(uid, set()).add(key)
    return found
