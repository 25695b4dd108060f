"""Pages of the console for audiences and pressure."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from activation.audiences.models import Audience
from activation.pressure import ledger
from activation.pressure.models import Decision, LedgerRow, Policy
from activation.pressure.reserve import reserve
from identity.privacy.models import AuditEntry
from tests.activation.people import context, person
from tests.activation.pressure.rows import ask, publish, rolling

pytestmark = pytest.mark.django_db

INLINES = {
    "versions-TOTAL_FORMS": "0",
    "versions-INITIAL_FORMS": "0",
}
GOLD = '{"trait": "plan", "op": "eq", "value": "gold"}'


@pytest.fixture
def console(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("admin"))
    return client


def add(console: Client, model: str, **form: Any) -> Any:
    return console.post(reverse(f"admin:activation_{model}_add"), {**INLINES, **form}, follow=True)


def act(console: Client, model: str, action: str, pk: int) -> Any:
    form = {"action": action, "_selected_action": [pk]}
    return console.post(reverse(f"admin:activation_{model}_changelist"), form, follow=True)


def test_an_audience_is_made_published_and_archived(console):
    add(console, "audience", name="Gold", slug="gold", kind="rule", description="", rule=GOLD)
    audience = Audience.objects.get()
    assert audience.build.size == 0
    page = console.get(reverse("admin:activation_audience_changelist")).content.decode()
    assert "plan is “gold”" in page
    act(console, "audience", "publish", audience.pk)
    audience.refresh_from_db()
    assert (audience.state, audience.versions.count()) == ("live", 1)
    change = reverse("admin:activation_audience_change", args=[audience.pk])
    assert console.get(change).status_code == 200
    red = GOLD.replace("gold", "red")
    console.post(change, {**INLINES, "name": "Red", "description": "", "rule": red})
    audience.refresh_from_db()
    assert (audience.name, audience.slug) == ("Red", "gold")
    assert "red" in str(audience.rule)
    act(console, "audience", "archive", audience.pk)
    audience.refresh_from_db()
    assert audience.state == "archived"
    assert AuditEntry.objects.filter(action="audience.publish").count() == 1


def test_a_bad_rule_is_shown_on_the_form(console):
    answer = add(console, "audience", name="x", slug="x", kind="rule", rule='{"did": "a"}')
    assert "rule.within_days" in answer.content.decode()
    answer = add(console, "audience", name="x", slug="x", kind="manual", rule=GOLD)
    assert "has no rule" in answer.content.decode()
    assert Audience.objects.count() == 0


def test_a_policy_is_made_and_published(console):
    document = '{"limit": 2, "window": {"kind": "rolling", "seconds": 60}}'
    bad = add(console, "policy", name="Daily", slug="daily", document='{"limit": 2}')
    assert "window" in bad.content.decode()
    add(console, "policy", name="Daily", slug="daily", document=document)
    policy = Policy.objects.get()
    act(console, "policy", "publish", policy.pk)
    policy.refresh_from_db()
    assert policy.state == "live"
    assert (
        console.get(reverse("admin:activation_policy_change", args=[policy.pk])).status_code == 200
    )


def test_ledger_and_decisions_can_be_read_and_not_written(console):
    publish("day", limit=1, window=rolling(24))
    alice, [owner] = person("alice")
    reserve([ask(f"{n}:a:1", alice.pk, owner.pk) for n in range(2)], context())
    ledger.release({"0:a:1": "no", "1:a:1": "no"})
    for model, row in (
        ("ledgerrow", LedgerRow.objects.get()),
        ("decision", Decision.objects.get(passed=False)),
    ):
        page = console.get(reverse(f"admin:activation_{model}_change", args=[row.pk]))
        assert page.status_code == 200
        assert "alice" not in page.content.decode()
        assert (
            console.post(
                reverse(f"admin:activation_{model}_change", args=[row.pk]), {}
            ).status_code
            == 403
        )
        assert console.get(reverse(f"admin:activation_{model}_add")).status_code == 403
        assert console.get(reverse(f"admin:activation_{model}_changelist")).status_code == 200


@pytest.mark.parametrize(
    "model", ["channelweight", "messageclass", "quiethours", "personcap", "membershiplog"]
)
def test_the_other_lists_open(console, model):
    assert console.get(reverse(f"admin:activation_{model}_changelist")).status_code == 200
