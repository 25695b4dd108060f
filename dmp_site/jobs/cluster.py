"""The task cluster of django-q2 as one supervised process, with a heartbeat that tells a hung one from an idle one.

A worker that is killed while it waits can leave the cluster's queue locked for ever, with every process alive. So the heartbeat
is a task like any other: it arrives only when queue, worker and database work.
"""

import logging
import signal
import threading
from datetime import timedelta

from django.db import Error, close_old_connections, connections
from django.db.models import F, Q
from django_q.cluster import Cluster
from django_q.models import Schedule
from django_q.tasks import async_task

from dmp_site.jobs import runner
from dmp_site.jobs.kinds import KINDS
from dmp_site.models import JobsHeartbeat
from identity import clock, faults
from identity.clock import SECOND, Instant

log = logging.getLogger(__name__)

ROW = 1
BEAT = 5  # seconds between heartbeats
_REPEAT = 20 * SECOND  # a heartbeat that never came is asked for again


def serve(stop: threading.Event) -> None:
    """Run the cluster until told to stop. Raises RuntimeError when it died."""
    plan(clock.now())
    JobsHeartbeat.objects.filter(pk=ROW).update(
        asked_at=0
    )  # one that a dead cluster took along never comes
    connections.close_all()  # the cluster forks
    cluster = Cluster()
    cluster.start()
    for name in (signal.SIGTERM, signal.SIGINT):  # Cluster's own handlers would block in here
        signal.signal(name, lambda *_: stop.set())
    try:
        while cluster.sentinel.is_alive():
            _try_to_ask()
            if stop.wait(BEAT):
                return
        raise RuntimeError("the task cluster died")
    finally:
        _end(cluster)


def _try_to_ask() -> None:
    try:
        ask(clock.now())
    except Error as error:  # the cluster waits for its database by itself
        log.warning("No heartbeat could be asked for: %s", faults.said(error))
    finally:
        close_old_connections()


def _end(cluster: Cluster) -> None:
    """Stop the cluster's guard, unless the signal that ends us reached it too: telling a dead one would wait for ever."""
    cluster.sentinel.join(1)
    if cluster.sentinel.is_alive():
        cluster.stop()


def heartbeat() -> Instant | None:
    """Return when a worker last proved that it works, None when none ever did."""
    row = JobsHeartbeat.objects.filter(pk=ROW).values_list("beaten_at", flat=True).first()
    return None if row is None else clock.from_datetime(row)


def plan(now: Instant) -> None:
    """Write the schedules: the look for lapsed jobs, and every kind of job that starts by itself."""
    wanted = {"lapsed": ("dmp_site.jobs.cluster.lapsed", "", 1)} | {
        name: ("dmp_site.jobs.cluster.begin", repr(name), kind.every)
        for name, kind in KINDS.items()
        if kind.every
    }
    Schedule.objects.exclude(name__in=wanted).delete()
    soon = clock.to_datetime(now) + timedelta(minutes=1)
    for name, (function, arguments, minutes) in wanted.items():
        Schedule.objects.update_or_create(
            name=name,
            defaults={
                "func": function,
                "args": arguments or None,
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
            },
            create_defaults={
                "func": function,
                "args": arguments or None,
                "schedule_type": Schedule.MINUTES,
                "minutes": minutes,
                "next_run": soon,
            },
        )


def ask(now: Instant) -> None:
    """Queue a heartbeat unless the last one is still on its way."""
    JobsHeartbeat.objects.get_or_create(pk=ROW)
    on_its_way = Q(asked_at__gte=now - _REPEAT) & (
        Q(beaten_at=None) | Q(beaten_at__lt=F("asked_at"))
    )
    if JobsHeartbeat.objects.filter(pk=ROW).exclude(on_its_way).update(asked_at=now):
        async_task(beat, task_name="heartbeat", save=False)


def beat() -> None:
    """Prove that the cluster works; a task."""
    JobsHeartbeat.objects.filter(pk=ROW).update(beaten_at=clock.now())


def lapsed() -> None:
    """Queue again what nobody works on; a scheduled task."""
    runner.requeue_lapsed(clock.now())


def begin(kind: str) -> None:
    """Start a job that comes round regularly; a scheduled task."""
    runner.start(kind, {}, runner.SCHEDULE, clock.now())
