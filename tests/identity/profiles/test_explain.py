"""Why two identifiers are one person, or are not."""

import pytest

from identity.profiles.explain import explain, refusals
from identity.touchpoints.types import Identifier
from tests.identity.graph.evidence import SMALL
from tests.identity.profiles.identities import Stages, ids, seen

pytestmark = pytest.mark.django_db

ALICE, BOB, COOKIE, MAIL = ids("user_id:alice", "user_id:bob", "anonymous_id:c", "email:m")


@pytest.fixture
def stages() -> Stages:
    """Alice has a mail address and used the browser before Bob; a stranger is elsewhere."""
    stages = Stages()
    stages.run(
        seen(1, "user_id:alice", "email:m"),
        seen(2, "user_id:alice", "anonymous_id:c"),
        seen(3, "user_id:bob", "anonymous_id:c", source=2),
        seen(4, "user_id:bob", "device_id:d"),
        seen(5, "crm_id:elsewhere"),
    )
    return stages


def why(stages: Stages, a: Identifier, b: Identifier):
    return explain(a, b, graph=stages.store, policy=SMALL)


def test_the_chain_between_two_of_one_person(stages):
    found = why(stages, COOKIE, Identifier("device_id", "d"))
    assert found.together
    assert [(step.a, step.b, step.refused) for step in found.chain] == [
        (COOKIE, BOB, ""),
        (BOB, Identifier("device_id", "d"), ""),
    ]
    [link] = found.chain[0].evidence
    assert (link.source, link.first_seen, link.count) == (2, 30, 1)


def test_two_people_are_told_which_link_was_refused(stages):
    found = why(stages, MAIL, BOB)
    assert not found.together
    assert [(step.a, step.b, step.refused) for step in found.chain] == [
        (MAIL, ALICE, ""),
        (ALICE, COOKIE, "max:user_id"),
        (COOKIE, BOB, ""),
    ]


def test_nothing_connects_strangers(stages):
    found = why(stages, ALICE, Identifier("crm_id", "elsewhere"))
    assert not found.together
    assert found.chain == ()


def test_an_identifier_is_itself(stages):
    assert why(stages, ALICE, ALICE).together
    assert not why(stages, *ids("user_id:nobody", "user_id:nobody")).together


def test_refused_links_of_a_profile(stages):
    [refusal] = refusals([COOKIE, BOB], graph=stages.store, policy=SMALL)
    assert (refusal.link.a, refusal.link.b, refusal.link.reason) == (
        *(COOKIE, ALICE, "max:user_id"),
    )
    assert [link.last_seen for link in refusal.evidence] == [20]
    assert refusals([MAIL], graph=stages.store, policy=SMALL) == []
