"""A real cluster under the real supervisor: a killed worker, even an idle one, stops nothing for long."""

import os
import signal
from pathlib import Path

import pytest

from tests.installation import installation

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SUPERVISED = """
from dmp_site.processes.children import children
from dmp_site.processes.supervisor import Supervisor
Supervisor([child for child in children() if child.name == "jobs"]).run()
"""
OLD_RECORDS = """
from dmp_site.jobs import start
from identity.clock import now
from identity.touchpoints.models import Batch
Batch.objects.bulk_create([Batch(epoch=1, now=1, horizon=1, mode="live") for _ in range(20_000)])
start("prune", {}, "tests", now())
"""
LEFT = "from identity.touchpoints.models import Batch; print(Batch.objects.count())"
STATE = "from dmp_site.models import Job; print(Job.objects.get(actor='tests').state)"
BEATEN = "from dmp_site.models import JobsHeartbeat as H; print(H.objects.filter(beaten_at__gt=0).count())"


def _children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sorted(int(child) for child in found)


def _worker(supervisor):
    """Find the cluster's worker: the first child of the guard, which is the first child of the jobs process."""
    jobs = _children(supervisor)[0]
    guard = _children(jobs)[0]
    return _children(guard)[0]


def test_a_killed_worker_is_replaced_and_its_job_goes_on(tmp_path):
    with installation(tmp_path) as site:
        site.manage("setup")
        supervisor = site.start("shell", "--verbosity", "0", "-c", SUPERVISED)
        site.wait_for(lambda: site.shell(BEATEN).strip() == "1", "the first heartbeat")
        # Idle: it waits for a task and holds the lock of the cluster's queue. Killed there, it locks the queue for good.
        os.kill(_worker(supervisor.pid), signal.SIGKILL)
        site.shell(OLD_RECORDS)
        site.wait_for(lambda: site.shell(STATE).strip() == "done", "the job's end", seconds=150)
        assert site.shell(LEFT).strip() == "0"
