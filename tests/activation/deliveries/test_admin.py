"""Pages of channels, templates, deliveries and lists, as people with roles see them."""

import pytest
from django.contrib.auth.models import Group, User

from activation.audiences.models import Audience
from activation.channels.models import ChannelConfig
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.queue import dispatch
from activation.pressure.models import LedgerRow
from dmp_site import roles
from identity.privacy.models import AuditEntry
from tests.activation.deliveries.making import alice, delivery, request, template
from tests.activation.people import context

pytestmark = pytest.mark.django_db
ADMIN = "/admin/activation"


@pytest.fixture
def as_role(client):
    """Sign somebody of a role in."""
    roles.ensure()

    def sign_in(role):
        user = User.objects.create_user(role.replace(" ", "-"), is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def queued():
    owner = alice()
    dispatch([request(owner, template(html="<script>alert(1)</script><p>Hi</p>"))], context())
    return delivery()


def form(**values):
    return {
        "name": "hello",
        "channel": "email",
        "subject": "Hi",
        "text": "x",
        "html": "",
        **values,
    }


def test_saving_a_template_makes_the_next_version(as_role):
    page = as_role("marketer")
    assert page.post(f"{ADMIN}/template/add/", form()).status_code == 302
    first = Template.objects.get()
    changed = page.post(f"{ADMIN}/template/{first.pk}/change/", form(text="y"))
    assert changed.status_code == 302
    assert list(Template.objects.order_by("version").values_list("version", "text")) == [
        (1, "x"),
        (2, "y"),
    ]
    page.get(f"{ADMIN}/template/")  # shows what was said about saving
    listed = page.get(f"{ADMIN}/template/").content.decode()
    assert f"{ADMIN}/template/{first.pk}/change/" not in listed
    assert AuditEntry.objects.filter(action="template.save").count() == 2


@pytest.mark.parametrize("values", [{"text": "{% load x %}"}, {"channel": "pigeon"}])
def test_a_template_that_cannot_be_read_is_refused_at_its_field(as_role, values):
    answer = as_role("marketer").post(f"{ADMIN}/template/add/", form(**values))
    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == set(values)
    assert not Template.objects.exists()


def test_a_preview_runs_no_script(as_role, queued):
    page = as_role("viewer").get(f"{ADMIN}/template/{queued.template_id}/change/")
    text = page.content.decode()
    assert '<iframe sandbox="" srcdoc="' in text
    assert "<script>alert(1)" not in text


def test_what_a_service_refuses_is_said(as_role):
    page = as_role("marketer")
    page.post(f"{ADMIN}/template/add/", form())
    answer = page.post(f"{ADMIN}/template/add/", form(channel="site"), follow=True)
    assert "hello is a template of another channel" in answer.content.decode()


def test_deliveries_are_read_only_and_tell_their_story(as_role, queued):
    page = as_role("operator")
    assert "1:send:1" in page.get(f"{ADMIN}/delivery/").content.decode()
    text = page.get(f"{ADMIN}/delivery/{queued.pk}/change/").content.decode()
    assert "queued" in text
    assert "alice@example.org" not in text
    assert (
        page.post(f"{ADMIN}/delivery/{queued.pk}/change/", {"status": "sent"}).status_code == 403
    )
    assert page.get(f"{ADMIN}/delivery/add/").status_code == 403


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("went", "unknown", ("sent", "committed")),
        ("did_not_go", "unknown", ("failed", "released")),
        ("cancel", "queued", ("cancelled", "released")),
        ("went", "queued", ("queued", "reserved")),
    ],
)
def test_an_operator_settles_deliveries(as_role, queued, action, before, after):
    Delivery.objects.update(status=before)
    data = {"action": action, "_selected_action": [queued.pk]}
    assert as_role("operator").post(f"{ADMIN}/delivery/", data).status_code == 302
    assert (delivery().status, LedgerRow.objects.get().status) == after


def test_a_viewer_settles_nothing(as_role, queued):
    Delivery.objects.update(status="unknown")
    as_role("viewer").post(
        f"{ADMIN}/delivery/", {"action": "went", "_selected_action": [queued.pk]}
    )
    assert delivery().status == "unknown"


def test_a_channel_is_added_and_its_secret_is_for_who_may_change_it(as_role):
    values = {"name": "crm", "kind": "webhook", "enabled": "on", "ack_within": "60"}
    page = as_role("operator")
    bad = page.post(f"{ADMIN}/channelconfig/add/", {**values, "url": ""}, follow=True)
    assert "http" in bad.content.decode()
    assert not ChannelConfig.objects.exists()
    page.post(f"{ADMIN}/channelconfig/add/", {**values, "url": "https://crm.example/hook"})
    row = ChannelConfig.objects.get()
    address = f"{ADMIN}/channelconfig/{row.pk}/change/"
    assert "whsec_" in page.get(address).content.decode()
    page.post(f"{ADMIN}/channelconfig/", {"action": "rotate", "_selected_action": [row.pk]})
    assert page.get(address).content.decode().count("whsec_") == 2
    assert "whsec_" not in as_role("viewer").get(address).content.decode()


def test_a_list_for_a_partner(as_role):
    audience = Audience.objects.create(name="Fans", slug="fans", created_at=1, changed_at=1)
    values = {"channel": "display", "name": "fans", "namespace": "maid", "audience": audience.pk}
    page = as_role("admin")
    page.post(f"{ADMIN}/partnerlist/add/", {**values, "namespace": "email"})
    assert not PartnerList.objects.exists()
    page.post(f"{ADMIN}/partnerlist/add/", values)
    assert PartnerList.objects.get().audience == audience
    assert page.get(f"{ADMIN}/partnerlist/").status_code == 200
