"""What people do in the console: keys are shown once and revoked, jobs cancelled, users given roles; all of it audited."""

import re

import pytest
from django.contrib.auth.models import Group, User

from dmp_site import apikeys, jobs, roles
from dmp_site.models import ApiKey, Job
from identity.clock import now
from identity.privacy.models import AuditEntry

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def admin_client(client):
    roles.ensure()
    alice = User.objects.create_user("alice", is_staff=True)
    alice.groups.add(Group.objects.get(name="admin"))
    client.force_login(alice)
    return client


def actions():
    by_people = AuditEntry.objects.filter(actor__startswith="user:")
    return list(by_people.order_by("pk").values_list("action", flat=True))


def test_an_api_key_is_shown_once_and_works(admin_client):
    answer = admin_client.post(
        "/admin/dmp_site/apikey/add/",
        {"name": "dashboard", "scopes": ["*:read"], "channel": ""},
        follow=True,
    )
    [clear] = set(re.findall(r"frk_[0-9a-f]{8}_[\w-]+", answer.content.decode()))
    caller = apikeys.recognise(clear, now())
    assert caller is not None
    assert caller.scopes == {"*:read"}
    again = admin_client.get("/admin/dmp_site/apikey/")
    assert clear not in again.content.decode()
    assert actions() == ["apikey.add"]


def test_an_api_key_is_revoked(admin_client):
    key, clear = apikeys.create("dashboard", ["*"], now(), actor="tests")
    admin_client.post(
        "/admin/dmp_site/apikey/", {"action": "revoke", "_selected_action": [key.pk]}
    )
    assert apikeys.recognise(clear, now()) is None
    assert actions() == ["apikey.revoke"]


def test_a_key_cannot_be_changed_or_deleted(admin_client):
    key, _clear = apikeys.create("dashboard", ["*:read"], now(), actor="tests")
    admin_client.post(f"/admin/dmp_site/apikey/{key.pk}/change/", {"name": "x", "scopes": ["*"]})
    admin_client.post(f"/admin/dmp_site/apikey/{key.pk}/delete/", {"post": "yes"})
    assert ApiKey.objects.get(pk=key.pk).scopes == ["*:read"]


def test_a_job_is_cancelled_and_one_that_is_over_says_so(admin_client):
    waiting = jobs.start("prune", {}, "schedule", now())
    over = Job.objects.create(kind="prune", state="done", created_at=1, changed_at=1)
    answer = admin_client.post(
        "/admin/dmp_site/job/",
        {"action": "cancel", "_selected_action": [waiting.pk, over.pk]},
        follow=True,
    )
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"
    assert f"Job {over.pk} is over already" in answer.content.decode()
    assert admin_client.get(f"/admin/dmp_site/job/{over.pk}/change/").status_code == 200
    assert actions() == ["job.cancel"]


def test_a_viewer_cannot_cancel(admin_client):
    job = jobs.start("prune", {}, "schedule", now())
    bob = User.objects.create_user("bob", is_staff=True)
    bob.groups.add(Group.objects.get(name="viewer"))
    admin_client.force_login(bob)
    admin_client.post("/admin/dmp_site/job/", {"action": "cancel", "_selected_action": [job.pk]})
    job.refresh_from_db()
    assert job.state == "waiting"


def test_a_user_is_given_a_role(admin_client):
    viewer = Group.objects.get(name="viewer")
    admin_client.post(
        "/admin/auth/user/add/",
        {
            "username": "charlie",
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
            "groups": [viewer.pk],
            "is_staff": "on",
        },
    )
    charlie = User.objects.get(username="charlie")
    assert list(charlie.groups.all()) == [viewer]
    assert actions() == ["user.add"]
    assert not AuditEntry.objects.filter(detail__icontains="charlie").exists()
