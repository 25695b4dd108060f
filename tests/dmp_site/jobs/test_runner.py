"""Jobs: slices, leases, checkpoints, cancelling; each step counts once whatever dies."""

import threading
import time
import traceback

import pytest
from django.db import DataError, OperationalError, connection, transaction
from django_q.models import OrmQ

from dmp_site.jobs import kinds, runner
from dmp_site.jobs.kinds import Kind, Step
from dmp_site.models import Job
from identity.clock import DAY, now
from identity.errors import DomainError, NotFound
from identity.privacy.models import AuditEntry
from identity.sql import fetch
from identity.touchpoints.models import Batch
from tests.environment import STORES

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def counting(monkeypatch):
    """Add a kind that counts to payload["to"] and raises what `faults` holds for a number."""
    faults: dict[int, Exception] = {}

    def step(payload, checkpoint, now):
        number = checkpoint.get("number", 0) + 1
        if number in faults:
            raise faults.pop(number)
        return Step(1, done=number >= payload["to"], checkpoint={"number": number})

    monkeypatch.setattr(runner, "KINDS", {**kinds.KINDS, "count": Kind("Count", step)})
    return faults


def lapse(job):
    Job.objects.filter(pk=job.pk).update(lease_until=0, changed_at=0)


def test_a_job_runs_to_its_end(counting):
    job = runner.start("count", {"to": 5}, "user:1", now())
    assert OrmQ.objects.count() == 1
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.processed, job.token) == ("done", 5, "")


def test_a_slice_ends_in_time_and_queues_the_next(counting, monkeypatch):
    monkeypatch.setattr(runner, "SLICE", 0)
    job = runner.start("count", {"to": 3}, "user:1", now())
    for processed, state in [(1, "waiting"), (2, "waiting"), (3, "done")]:
        assert OrmQ.objects.count() == processed
        runner.run(job.pk)
        job.refresh_from_db()
        assert (job.processed, job.state) == (processed, state)


def test_the_same_job_is_not_started_twice(counting):
    first = runner.start("count", {"to": 3}, "user:1", now())
    assert runner.start("count", {"to": 3}, "user:2", now()).pk == first.pk
    assert runner.start("count", {"to": 4}, "user:2", now()).pk != first.pk
    with pytest.raises(NotFound):
        runner.start("nothing", {}, "user:1", now())


@pytest.mark.skipif(STORES == "sqlite", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_who_start_the_same_job_at_once_have_one(counting):
    """The first has made it and not committed when the second looks."""
    made, seen = threading.Event(), []

    def first():
        with transaction.atomic():
            seen.append(runner.start("count", {"to": 3}, "user:1", now()).pk)
            made.set()
            time.sleep(1)  # the second asks meanwhile
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    made.wait()
    second = runner.start("count", {"to": 3}, "user:2", now()).pk
    thread.join()
    assert seen == [second]
    assert Job.objects.count() == 1
    assert AuditEntry.objects.filter(action="job.start").count() == 1


def test_a_job_that_fails_says_why(counting):
    counting[2] = ValueError("no such file")
    job = runner.start("count", {"to": 3}, "user:1", now())
    with pytest.raises(ValueError, match="no such file"):
        runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error, job.processed) == ("failed", "ValueError: no such file", 1)


@pytest.mark.skipif(STORES == "sqlite", reason="SQLite quotes no values")
def test_neither_a_job_nor_its_queue_keeps_what_a_database_says_of_a_row(counting):
    with pytest.raises(DataError) as said, transaction.atomic():
        fetch("SELECT CAST(%s AS integer)", ["alice@shop.example"])
    counting[2] = said.value
    assert "alice" in str(counting[2])
    job = runner.start("count", {"to": 3}, "user:1", now())
    with pytest.raises(runner.Failed) as raised:
        runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "DataError (22P02)")
    assert "alice@" not in "".join(traceback.format_exception(raised.value))


def test_an_outage_is_no_failure_and_the_job_goes_on_from_its_checkpoint(counting):
    counting[3] = OperationalError("database is locked")
    job = runner.start("count", {"to": 4}, "user:1", now())
    with pytest.raises(OperationalError):
        runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.processed) == ("running", 2)
    lapse(job)
    assert runner.requeue_lapsed(now()) == 1
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.processed) == ("done", 4)


def test_a_leased_job_is_left_alone(counting):
    job = runner.start("count", {"to": 2}, "user:1", now())
    Job.objects.filter(pk=job.pk).update(state="running", token="a", lease_until=now() + 60_000)
    assert runner.requeue_lapsed(now()) == 0
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.processed == 0


def test_a_worker_that_lost_its_lease_writes_nothing(counting, monkeypatch):
    job = runner.start("count", {"to": 2}, "user:1", now())

    def step(payload, checkpoint, now):
        Job.objects.filter(pk=job.pk).update(token="another")
        Batch.objects.create(epoch=1, now=1, horizon=1, mode="live")
        return Step(1, done=True)

    monkeypatch.setattr(runner, "KINDS", {"count": Kind("Count", step)})
    runner.run(job.pk)
    job.refresh_from_db()
    assert job.processed == 0
    assert not Batch.objects.exists()


def test_cancelling(counting, monkeypatch):
    waiting = runner.start("count", {"to": 2}, "user:1", now())
    runner.cancel(waiting.pk, now(), actor="tests")
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"
    runner.run(waiting.pk)
    with pytest.raises(DomainError):
        runner.cancel(waiting.pk, now(), actor="tests")

    running = runner.start("count", {"to": 2}, "user:1", now())
    Job.objects.filter(pk=running.pk).update(token="a", state="running")
    runner.cancel(running.pk, now(), actor="tests")
    running.refresh_from_db()
    assert (running.state, running.cancel) == ("running", True)
    lapse(running)
    runner.run(running.pk)
    running.refresh_from_db()
    assert (running.state, running.processed) == ("cancelled", 0)


def test_old_records_are_pruned_in_steps(settings):
    old, young = now() - (settings.KEEP_RECORDS_DAYS + 1) * DAY, now() - DAY
    Batch.objects.bulk_create(
        Batch(epoch=1, now=old, horizon=old, mode="live") for _ in range(kinds.STEP + 1)
    )
    Batch.objects.create(epoch=1, now=young, horizon=young, mode="live")
    Job.objects.create(kind="prune", state="done", created_at=old, changed_at=old)
    Job.objects.create(kind="kept", state="waiting", created_at=old, changed_at=old)
    job = runner.start("prune", {}, "schedule", now())
    runner.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.processed) == ("done", kinds.STEP + 2)
    assert Batch.objects.count() == 1
    assert Job.objects.filter(kind="kept").exists()
