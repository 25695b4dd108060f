"""Changes made on admin pages are in the audit log, without values."""

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.models import User

from identity.admin_base import AuditedModelAdmin, BoundedPaginator, ReadOnlyModelAdmin
from identity.privacy.models import AuditEntry
from identity.touchpoints.models import Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_alice(rf):
    request = rf.get("/")
    request.user = User.objects.create_user("alice", is_superuser=True)
    return request


@pytest.fixture
def source():
    return Source.objects.create(
        uuid="6f0f3dd2-8a0e-4a37-9f7c-1d1a0e3f0001", name="Shop", created_at=1
    )


def test_add_change_and_delete_are_recorded(request_of_alice, source):
    page = AuditedModelAdmin(Source, AdminSite())
    page.log_addition(request_of_alice, source, [{"added": {}}])
    page.log_change(request_of_alice, source, [{"changed": {"fields": ["Name"]}}])
    page.log_deletions(request_of_alice, Source.objects.all())
    found = AuditEntry.objects.order_by("pk").values_list("actor", "action", "object", "detail")
    who, what = f"user:{request_of_alice.user.pk}", f"identity.source:{source.pk}"
    assert list(found) == [
        (who, "source.add", what, {}),
        (who, "source.change", what, {"fields": ["Name"]}),
        (who, "source.delete", what, {}),
    ]


def test_machine_written_tables_cannot_be_edited(request_of_alice, source):
    page = ReadOnlyModelAdmin(Source, AdminSite())
    assert page.has_view_permission(request_of_alice)
    assert not page.has_add_permission(request_of_alice)
    assert not page.has_change_permission(request_of_alice, source)
    assert not page.has_delete_permission(request_of_alice, source)


def test_large_tables_are_counted_up_to_a_bound(monkeypatch):
    monkeypatch.setattr("identity.admin_base.COUNTED", 3)
    AuditEntry.objects.bulk_create(
        AuditEntry(at=at, actor="user:1", action="a", object="b") for at in range(5)
    )
    assert BoundedPaginator(AuditEntry.objects.order_by("pk"), 2).count == 3
    assert BoundedPaginator([1, 2, 3, 4, 5], 2).count == 5
