"""What people decide moves profiles, and undoing it gives back the same ones with the same ids."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from identity.graph.types import Decision, Verdict
from identity.profiles import models, resolve, selectors
from identity.profiles.explain import explain, refusals
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import SMALL, Event, decisions, events, standing
from tests.identity.profiles.identities import (
    EPOCH,
    Stages,
    assignment,
    context,
    expected,
    ids,
    seen,
    uid_of,
)
from tests.soaking import examples
from tests.stores import forget, undone

pytestmark = pytest.mark.django_db
each_example = hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=20_000),
)
ALICE, BOB, COOKIE, TABLET = ids(
    "user_id:alice", "user_id:bob", "anonymous_id:c", "anonymous_id:t"
)


class Deciding(Stages):
    """Stages 1 and 2, and the lane's commands about who is who."""

    def decide(self, *made: Decision) -> None:
        self._stand(standing(made))

    def take_back(self, *made: Decision) -> None:
        self._stand({(each.a, each.b): () for each in made})

    def _stand(self, stands) -> None:
        changed = self.store.decide(stands, epoch=EPOCH)
        resolve.regroup(changed, context(), newborn=False, policy=self.policy)


def decided(verdict: Verdict, one: Identifier, other: Identifier, number: int = 1) -> Decision:
    a, b = sorted((one, other))
    return Decision(a, b, verdict, number, at=number)


def test_an_unlink_splits_and_its_undoing_gives_back_the_ids():
    stages = Deciding()
    stages.run(seen(1, "anonymous_id:c"), seen(2, "anonymous_id:c", "user_id:alice"))
    before = assignment()
    made = decided(Verdict.UNLINK, ALICE, COOKIE)
    stages.decide(made)
    assert assignment() == {each.key: uid_of(each) for each in (ALICE, COOKIE)}
    [move] = [one for one in selectors.history(home(COOKIE)) if one.kind == "split"]
    assert move.evidence["decided"] == [
        {"a": COOKIE.key, "b": ALICE.key, "verdict": "unlink", "number": 1}
    ]
    assert move.evidence["refused"] == [{"a": COOKIE.key, "b": ALICE.key, "reason": "unlink"}]
    stages.take_back(made)
    assert assignment() == before


def test_an_always_link_merges_two_that_nothing_connects():
    stages = Deciding()
    stages.run(seen(1, "user_id:alice"), seen(2, "anonymous_id:t", "email:m"))
    before = assignment()
    made = decided(Verdict.ALWAYS, ALICE, TABLET)
    stages.decide(made)
    assert set(assignment().values()) == {uid_of(ALICE)}
    assert selectors.find(uid_of(Identifier.of("email:m"))).merged_into == uid_of(ALICE)
    [move] = selectors.history(home(ALICE))
    assert [one["verdict"] for one in move.evidence["decided"]] == ["always_link"]
    stages.take_back(made)
    assert assignment() == before


def test_a_live_batch_later_knows_what_keeps_two_apart():
    stages = Deciding()
    stages.run(seen(1, "user_id:alice", "anonymous_id:c"), seen(2, "anonymous_id:t"))
    stages.decide(decided(Verdict.NEVER, ALICE, TABLET))
    stages.run(seen(3, "anonymous_id:c", "anonymous_id:t"))
    assert assignment() == {ALICE.key: uid_of(ALICE)} | dict.fromkeys(
        (COOKIE.key, TABLET.key), uid_of(COOKIE)
    )
    stages.run(seen(4, "anonymous_id:c", "email:m"), seen(5, "anonymous_id:t", "email:m"))
    found = assignment()
    assert found[TABLET.key] != found[ALICE.key]


def test_newer_evidence_moves_whom_a_never_link_keeps_from_one_of_two():
    """The known link that was refused for it can win when it is seen again: the neighbourhood is contested."""
    stages = Deciding()
    stages.run(seen(1, "device_id:d", "anonymous_id:c"), seen(2, "device_id:d", "anonymous_id:t"))
    stages.decide(decided(Verdict.NEVER, COOKIE, TABLET))
    assert models.Identifier.objects.filter(contested=True).count() == 3
    assert home(Identifier.of("device_id:d")) == home(TABLET)
    stages.run(seen(3, "device_id:d", "anonymous_id:c"))
    assert home(Identifier.of("device_id:d")) == home(COOKIE)


def test_a_decision_costs_a_batch_no_statement():
    def statements(stages: Deciding, number: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            stages.run(seen(number, "anonymous_id:c", f"email:{number}"))
        return len(captured)

    stages = Deciding()
    stages.run(seen(1, "user_id:alice", "anonymous_id:c"), seen(2, "anonymous_id:t"))
    before = statements(stages, 3)
    stages.decide(
        decided(Verdict.ALWAYS, COOKIE, TABLET, 1), decided(Verdict.NEVER, ALICE, TABLET, 2)
    )
    assert statements(stages, 4) == before


def test_explaining_what_was_decided():
    stages = Deciding()
    stages.run(seen(1, "user_id:alice", "anonymous_id:c"), seen(2, "anonymous_id:t"))
    always = decided(Verdict.ALWAYS, COOKIE, TABLET, 3)
    stages.decide(always)

    def why(a: Identifier, b: Identifier):
        return explain(a, b, graph=stages.store, policy=SMALL)

    found = why(ALICE, TABLET)
    assert found.together
    assert [(step.a, step.b, step.decision) for step in found.chain] == [
        (ALICE, COOKIE, None),
        (COOKIE, TABLET, always),
    ]
    assert found.chain[1].evidence == ()
    stages.decide(decided(Verdict.UNLINK, ALICE, COOKIE, 4))
    found = why(ALICE, TABLET)
    assert not found.together
    assert [step.refused for step in found.chain] == ["unlink", ""]
    [refusal] = refusals([ALICE], graph=stages.store, policy=SMALL)
    assert (refusal.link.reason, len(refusal.evidence)) == ("unlink", 1)


def home(identifier: Identifier) -> int:
    return models.Identifier.objects.get(key=identifier.key).profile_id


@each_example
@given(stream=events(), made=decisions(), data=st.data())
def test_profiles_are_what_evidence_and_log_say_and_undoing_gives_back_the_same(
    stream: list[Event], made: list[Decision], data: st.DataObject
):
    every: list[Event | Decision] = [*stream, *made]
    steps = data.draw(st.permutations(every))
    with undone():
        forget()
        stages = Deciding()
        stands: dict = {}
        for step in steps:
            if isinstance(step, Decision):
                stands.setdefault((step.a, step.b), []).append(step)
                stages.decide(*stands[step.a, step.b])
            else:
                stages.run(step)
        assert assignment() == expected(stream, SMALL, made)
        stages.take_back(*made)
        assert assignment() == expected(stream, SMALL)
