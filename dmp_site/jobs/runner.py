"""Runs jobs in slices: one lease per slice, one transaction per step, exactly once each."""

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django_q.tasks import async_task

from dmp_site.jobs.kinds import KINDS, Step
from dmp_site.models import Job
from identity import clock, faults
from identity.clock import SECOND, Instant
from identity.errors import DomainError, NotFound
from identity.outage import is_outage
from identity.privacy import audit
from identity.sql import fetch

log = logging.getLogger(__name__)

# Seconds: the worker ends within the supervisor's patience, and a heartbeat that waits behind some jobs is not late.
SLICE = 4.0
LEASE = 60 * SECOND
_STARTING = 1_179_275_074  # "FJOB", the class of PostgreSQL's advisory locks of who starts a job
SCHEDULE = "schedule"  # the actor of jobs that come round by themselves


class Failed(Exception):
    """A job failed with an error that quotes a row; this one does not."""


class LeaseLost(Exception):
    """Another worker has this job now."""


def start(kind: str, payload: Mapping[str, Any], actor: str, now: Instant) -> Job:
    """Store a job and queue its first slice. An open job of the same kind and payload is returned instead."""
    if kind not in KINDS:
        said = _("There is no job of the kind %(kind)s.") % {"kind": kind}
        raise NotFound("unknown_job", said)
    with transaction.atomic():
        _wait_for_turn(kind)
        job = Job.objects.filter(kind=kind, payload=dict(payload), state__in=Job.OPEN).first()
        if job is not None:
            return job
        job = Job.objects.create(
            kind=kind, payload=dict(payload), actor=actor, created_at=now, changed_at=now
        )
        if actor != SCHEDULE:  # what comes round by itself is no change by anybody
            audit.record(actor, "job.start", f"dmp_site.job:{job.pk}", {"kind": kind}, now)
    _queue(job.pk)
    return job


def _wait_for_turn(kind: str) -> None:
    """Let nobody else start a job of this kind before this transaction ends: each would see none. SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        fetch("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_STARTING, kind])


def cancel(job: int, now: Instant, *, actor: str) -> None:
    """Ask a job to stop after its present step; one that waits stops at once. Raises NotFound, DomainError when it is over."""
    with transaction.atomic():
        asked = Job.objects.filter(pk=job, state__in=Job.OPEN).update(cancel=True, changed_at=now)
        if not asked:
            raise _not_open(job)
        Job.objects.filter(pk=job, token="").update(state=Job.State.CANCELLED)
        audit.record(actor, "job.cancel", f"dmp_site.job:{job}", {}, now)


def _not_open(job: int) -> DomainError:
    if Job.objects.filter(pk=job).exists():
        return DomainError("job_over", _("Job %(job)s is over already.") % {"job": job})
    return NotFound("no_job", _("There is no job %(job)s.") % {"job": job})


def requeue_lapsed(now: Instant) -> int:
    """Queue every open job that nobody works on; return how many."""
    lapsed = Job.objects.filter(
        state__in=Job.OPEN, lease_until__lt=now, changed_at__lt=now - LEASE
    ).values_list("pk", flat=True)
    for job in lapsed:
        Job.objects.filter(pk=job).update(changed_at=now)
        _queue(job)
    return len(lapsed)


def run(job: int) -> None:
    """Run one slice of a job; a task of the cluster."""
    lease = _lease(job, clock.now())
    if lease is None:
        return
    try:
        over = _steps(lease)
    except LeaseLost:
        log.warning("Job %d was taken over", job)
        return
    except Exception as error:
        if is_outage(error):
            raise  # the lease lapses and the job goes on from its checkpoint
        _release(lease, state=Job.State.FAILED, error=faults.said(error)[:500])
        if faults.quotes(error):  # the queue keeps what is raised here
            raise Failed(faults.said(error)) from None
        raise
    if not over:
        _queue(job)


def _queue(job: int) -> None:
    async_task(run, job, task_name=f"job {job}", save=False)


def _lease(pk: int, now: Instant) -> Job | None:
    """Take the job unless somebody works on it or it is over."""
    taken = Job.objects.filter(pk=pk, state__in=Job.OPEN, lease_until__lt=now).update(
        state=Job.State.RUNNING,
        token=uuid.uuid4().hex,
        lease_until=now + LEASE,
        changed_at=now,
    )
    return Job.objects.get(pk=pk) if taken else None


def _steps(job: Job) -> bool:
    """Do steps until the job is over or the slice is; return whether it is over."""
    end = time.monotonic() + SLICE
    while True:
        if Job.objects.filter(pk=job.pk, cancel=True).exists():
            _release(job, state=Job.State.CANCELLED)
            return True
        if _step(job).done:
            _release(job, state=Job.State.DONE)
            return True
        if time.monotonic() >= end:
            _release(job, state=Job.State.WAITING)
            return False


def _step(job: Job) -> Step:
    now, kind = clock.now(), KINDS[job.kind]
    found = kind.step(job.payload, job.checkpoint, now) if kind.reads else None
    with transaction.atomic():
        step = found or kind.step(job.payload, job.checkpoint, now)
        _write(
            job,
            checkpoint=dict(step.checkpoint),
            processed=F("processed") + step.processed,
            lease_until=now + LEASE,
            changed_at=now,
            **({} if step.total is None else {"total": step.total}),
        )
    job.checkpoint = dict(step.checkpoint)
    return step


def _release(job: Job, **changes: Any) -> None:
    _write(job, token="", lease_until=0, changed_at=clock.now(), **changes)


def _write(job: Job, **changes: Any) -> None:
    if not Job.objects.filter(pk=job.pk, token=job.token).update(**changes):
        raise LeaseLost
