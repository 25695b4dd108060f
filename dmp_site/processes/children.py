"""The processes that make up an installation, for the supervisor."""

import os
from collections.abc import Callable, Mapping

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from dmp_site import jobs
from dmp_site.processes.supervisor import Child, manage
from identity.clock import SECOND, Instant
from identity.touchpoints import lane

JOBS_LIMIT = 30 * SECOND


def children() -> list[Child]:
    """Return collector, lane, sender, jobs and console, in the order in which they start."""
    return [
        _child("collector"),
        _child("lane", hung=_lane_hangs),
        _child("send"),
        _child("jobs", hung=_jobs_hang),
        _child("console"),
    ]


def environment() -> Mapping[str, str]:
    """Return what every child needs to know beside the supervisor's own environment."""
    paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
    return {
        "DJANGO_SETTINGS_MODULE": "dmp_site.settings",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
    }


def _child(role: str, hung: Callable[[Instant, Instant], bool] = lambda *_: False) -> Child:
    return Child(role, manage("worker", "--role", role), environment(), hung)


def _lane_hangs(moment: Instant, started_at: Instant) -> bool:
    """Tell whether a lane that had time to start has not said for FILROUGE_LANE_TIMEOUT seconds that it lives."""
    _, beaten_at = _heartbeat()
    return moment - max(beaten_at or 0, started_at) > settings.LANE_TIMEOUT * SECOND


def _heartbeat() -> tuple[int, Instant | None]:
    try:
        return lane.heartbeat()
    except DatabaseError:  # who cannot read the heartbeat cannot say that it stopped
        return 0, 2**62
    finally:
        close_old_connections()


def _jobs_hang(moment: Instant, started_at: Instant) -> bool:
    age = jobs.heartbeat_age(moment)
    return age is not None and min(age, moment - started_at) > JOBS_LIMIT
