"""The heartbeat tells an idle cluster from a hung one; schedules are written once."""

import pytest
from django_q.models import OrmQ, Schedule

from dmp_site.jobs import cluster
from dmp_site.models import Job, JobsHeartbeat
from identity import clock

pytestmark = pytest.mark.django_db(databases="__all__")


def test_no_heartbeat_before_the_first():
    assert cluster.heartbeat() is None
    cluster.ask(5)
    assert cluster.heartbeat() is None


def test_one_heartbeat_at_a_time_is_on_its_way():
    moment = clock.now()
    cluster.ask(moment)
    cluster.ask(moment + 5_000)
    assert OrmQ.objects.count() == 1
    cluster.beat()
    assert (cluster.heartbeat() or 0) >= moment
    JobsHeartbeat.objects.update(beaten_at=moment + 1)
    assert cluster.heartbeat() == moment + 1
    cluster.ask(moment + 10_000)
    assert OrmQ.objects.count() == 2


def test_a_heartbeat_that_never_came_is_asked_for_again():
    moment = clock.now()
    cluster.ask(moment)
    cluster.ask(moment + 3 * clock.MINUTE)
    assert OrmQ.objects.count() == 2


def test_schedules_are_written_once_and_keep_their_time():
    cluster.plan(1_000)
    before = set(Schedule.objects.values_list("name", "func", "args", "next_run"))
    Schedule.objects.create(name="of an older release", func="gone")
    cluster.plan(9_000_000)
    assert set(Schedule.objects.values_list("name", "func", "args", "next_run")) == before
    assert {name for name, *_ in before} == {"lapsed", "prune"}


def test_what_the_schedules_call_works():
    cluster.lapsed()
    cluster.begin("prune")
    assert Job.objects.get().kind == "prune"
