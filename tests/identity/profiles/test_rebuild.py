"""Comparing the whole graph with who is stored to be who."""

import pytest
from hypothesis import HealthCheck, given, settings

from identity.privacy.models import AuditEntry
from identity.profiles import models, rebuild
from identity.touchpoints.models import LaneCommand
from tests.identity.graph.evidence import SMALL, events
from tests.identity.profiles.identities import Stages, assignment, cut, seen
from tests.soaking import examples
from tests.stores import undone

pytestmark = pytest.mark.django_db


def walk(stages: Stages, *, now: int | None = None, size: int = 3) -> rebuild.Report:
    return rebuild.rebuild(stages.store, now=now, actor="command:test", size=size, policy=SMALL)


@pytest.fixture
def stages() -> Stages:
    stages = Stages()
    stages.run(
        seen(1, "user_id:a", "anonymous_id:c"),
        seen(2, "user_id:b", "anonymous_id:c"),
        seen(3, "crm_id:z"),
        *(seen(10 + n, "email:hub", f"loyalty_id:{n}") for n in range(6)),
    )
    return stages


def test_what_the_lane_wrote_is_as_the_evidence_says(stages):
    report = walk(stages)
    assert report.agrees
    assert str(report.graph) == str(report.stored)
    assert (report.graph.count, report.profiles, report.differing, report.stray) == (11, 10, 0, 0)
    assert report.neighbourhoods == 8


def test_the_digest_does_not_depend_on_the_blocks_nor_on_row_ids(stages):
    assert len({str(walk(stages, size=size).graph) for size in (1, 2, 7, 100)}) == 1


def test_a_wrong_assignment_is_found_and_handed_to_the_lane(stages):
    wrong = models.Identifier.objects.get(key="anonymous_id:c")
    wrong.profile = models.Identifier.objects.get(key="crm_id:z").profile
    wrong.save()
    report = walk(stages)
    assert not report.agrees
    assert report.differing == 1
    assert not LaneCommand.objects.exists()
    assert walk(stages, now=7_000).handed == 1
    command = LaneCommand.objects.get()
    assert (command.kind, command.actor) == ("profiles.regroup", "command:test")
    assert [each.key for each in rebuild.asked_for(command.payload)] == ["anonymous_id:c"]
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == ("command:test", "profiles.regroup")
    assert entry.detail == {"identifiers": 1, "commands": 1}


def test_lost_and_stray_identifiers_are_counted(stages):
    models.Identifier.objects.filter(key="user_id:a").update(key="user_id:stray")
    report = walk(stages)
    assert (report.differing, report.stray, report.agrees) == (1, 1, False)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(200, soak=20_000),
)
@given(stream=events())
def test_rebuilding_agrees_with_the_lane_on_any_stream(stream):
    with undone():
        stages = Stages()
        for batch in cut(stream, 3):
            stages.run(*batch)
        report = walk(stages)
        assert report.agrees
        assert report.graph.count == len(assignment())
