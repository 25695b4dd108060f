"""The REST API of jobs."""

import pytest
from django.test import Client

from dmp_site import apikeys
from dmp_site.jobs import runner
from dmp_site.models import Job
from identity.clock import now
from identity.privacy.models import AuditEntry

pytestmark = pytest.mark.django_db(databases="__all__")


def client(*scopes):
    key = apikeys.create("tests", scopes, 1, actor="tests")[1]
    return Client(headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def job():
    return runner.start("prune", {}, "user:1", now())


def test_jobs_are_listed_newest_first_and_found_by_state_and_kind(job):
    over = Job.objects.create(kind="prune", state="done", created_at=2, changed_at=3)
    api = client("jobs:read")
    listed = api.get("/api/v1/jobs").json()["results"]
    assert [one["id"] for one in listed] == [over.pk, job.pk]
    assert listed[0] == api.get(f"/api/v1/jobs/{over.pk}").json()
    found = api.get("/api/v1/jobs?state=waiting&kind=prune").json()["results"]
    assert [one["id"] for one in found] == [job.pk]
    assert api.get("/api/v1/jobs?kind=other").json()["results"] == []
    assert (listed[1]["actor"], listed[1]["processed"], listed[1]["total"]) == ("user:1", 0, None)


def test_a_job_is_cancelled_once(job):
    api = client("jobs:read", "jobs:write")
    answer = api.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    again = api.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "job_over")
    entry = AuditEntry.objects.get(action="job.cancel")
    assert entry.actor.startswith("key:frk_")


def test_what_is_not_there_is_404():
    api = client("*")
    assert api.get("/api/v1/jobs/9000000").json()["code"] == "no_job"
    assert api.post("/api/v1/jobs/9000000/cancel").status_code == 404


def test_who_may_only_read_cancels_nothing(job):
    assert client("*:read").post(f"/api/v1/jobs/{job.pk}/cancel").status_code == 403
    job.refresh_from_db()
    assert job.state == "waiting"
