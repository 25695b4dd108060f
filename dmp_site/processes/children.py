"""The processes that make up an installation, for the supervisor."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import Error, close_old_connections

from dmp_site import jobs
from dmp_site.processes.supervisor import Child, Hung, manage, never
from identity.clock import Instant
from identity.touchpoints import lane

JOBS_LIMIT = 30  # seconds without a heartbeat after which the task cluster is killed
_LATE = 1.0  # seconds to read a heartbeat, after which the database may have hidden some


def children() -> list[Child]:
    """Return collector, lane, sender, jobs and console, in the order in which they start."""
    return [
        _child("collector"),
        _child(
            "lane",
            Pulse(_lane_heartbeat, settings.LANE_TIMEOUT, beats=_is_the_lane, times=lane_patience),
        ),
        _child("send"),
        _child("jobs", Pulse(_jobs_heartbeat, JOBS_LIMIT)),
        _child("console"),
    ]


@dataclass
class Pulse:
    """Tells whether a heartbeat has stopped: it has not changed for `limit` seconds of a child that had as long to begin.

    What the heartbeat says is never compared with a clock: one that is set must not kill what works.
    """

    read: Callable[[], object]  # whatever changes with each beat
    limit: float
    beats: Callable[[int], bool] = lambda _pid: True  # whether the heartbeat is that process's
    times: Callable[[], int] = lambda: 1  # how many times the limit it may take just now
    _last: object = None
    _changed: float = 0.0
    _looked: float = 0.0

    def __call__(self, moment: float, started: float, pid: int = 0) -> bool:
        if moment - self._looked >= 1.0:
            self._looked = moment
            self._look(moment)
        silent = moment - max(self._changed, started)
        return silent > self.limit and self._hangs(silent, pid)

    def _look(self, moment: float) -> None:
        began = time.monotonic()
        try:
            beat = self.read()
            if beat != self._last:
                self._last, self._changed = beat, moment
        except Error:  # who cannot read the heartbeat cannot say that it stopped
            self._changed = moment
        if (took := time.monotonic() - began) > _LATE:  # nor can who waits for it
            self._changed = moment + took

    def _hangs(self, silent: float, pid: int) -> bool:
        try:
            return silent > self.limit * self.times() and self.beats(pid)
        except Error:
            return False


def environment() -> Mapping[str, str]:
    """Return what every child needs to know beside the supervisor's own environment."""
    paths = [str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]
    return {
        "DJANGO_SETTINGS_MODULE": "dmp_site.settings",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
    }


def _child(role: str, hung: Hung = never) -> Child:
    return Child(role, manage("worker", "--role", role), environment(), hung)


def _lane_heartbeat() -> Instant | None:
    try:
        return lane.heartbeat()[1]
    finally:
        close_old_connections()


def lane_patience() -> int:
    """Return how many times as long as usual the lane may be silent."""
    try:
        return lane.patience()
    finally:
        close_old_connections()


def _is_the_lane(pid: int) -> bool:
    """Tell whether this process is the lane, or ought to be: one that stands by for a lane that hangs elsewhere does not hang."""
    try:
        host, _, number = lane.holder().rpartition(" process ")
    finally:
        close_old_connections()
    if host != socket.gethostname():
        return not host
    return int(number) == pid or not Path(f"/proc/{number}").exists()


def _jobs_heartbeat() -> Instant | None:
    try:
        return jobs.heartbeat()
    finally:
        close_old_connections()
