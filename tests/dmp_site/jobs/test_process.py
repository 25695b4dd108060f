"""A real cluster under the real supervisor: a killed worker, even an idle one, stops nothing for long."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.installation import installation

pytestmark = [pytest.mark.process, pytest.mark.stores, pytest.mark.timeout(300)]

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
BEATEN = "SELECT beaten_at FROM dmp_site_jobsheartbeat"


def _children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sorted(int(child) for child in found)


def _worker(supervisor):
    """Find the cluster's worker: the first child of the guard, which is the first child of the jobs process."""
    jobs = _children(supervisor)[0]
    guard = _children(jobs)[0]
    return _children(guard)[0]


def _kill_the_idle_worker(site, supervisor):
    """Kill it while it waits for a task, just after one: it holds the lock of the cluster's queue, and takes it along."""
    beaten = site.ask(BEATEN)
    site.wait_for(lambda: site.ask(BEATEN) != beaten, "the next heartbeat")
    time.sleep(1)  # until it waits again; the next task comes seconds later
    os.kill(_worker(supervisor.pid), signal.SIGKILL)


def _doctor_says(site, text):
    return text in site.manage("doctor", check=False).stdout


def test_a_cluster_that_hangs_is_seen_restarted_and_its_job_goes_on(tmp_path):
    with installation(tmp_path) as site:
        site.set_up()
        supervisor = site.start("shell", "--verbosity", "0", "-c", SUPERVISED)
        site.wait_for(lambda: site.ask(BEATEN), "the first heartbeat")
        jobs = site.workers()["jobs"]
        os.kill(supervisor.pid, signal.SIGSTOP)  # nobody mends while we look
        _kill_the_idle_worker(site, supervisor)
        site.shell(OLD_RECORDS)
        hangs = "FAULT  jobs: The task cluster has not worked for"
        site.wait_for(lambda: _doctor_says(site, hangs), "the fault")
        assert site.workers()["jobs"] == jobs, "every process of the cluster still lives"
        assert site.shell(STATE).strip() == "waiting"
        os.kill(supervisor.pid, signal.SIGCONT)
        site.wait_for(lambda: "jobs hangs; killed" in site.last_words(), "the supervisor's word")
        site.wait_for(lambda: site.workers().get("jobs", jobs) != jobs, "another cluster")
        site.wait_for(lambda: site.shell(STATE).strip() == "done", "the job's end", seconds=150)
        assert site.shell(LEFT).strip() == "0"
        assert _doctor_says(site, "ok     jobs")
