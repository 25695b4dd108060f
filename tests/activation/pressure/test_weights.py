"""Weights, message classes and quiet hours: one rule, whether the console asks or the API."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from activation.pressure.models import ChannelWeight, MessageClass, QuietHours
from identity.privacy.models import AuditEntry
from tests.identity.signing import SignIn

pytestmark = pytest.mark.django_db(databases="__all__")

HOURS = {"name": "Night", "start": "22:00", "end": "07:00", "channels": "[]", "enabled": "on"}


@pytest.fixture
def console(sign_in: SignIn) -> Client:
    return sign_in("marketer")


def page(model: str, row: int | None = None, verb: str = "change") -> str:
    name = f"admin:activation_{model}"
    return reverse(f"{name}_add") if row is None else reverse(f"{name}_{verb}", args=[row])


def entries() -> list[tuple[str, str, Any]]:
    """Return action, target and detail of the entries about pressure, without who."""
    rows = AuditEntry.objects.order_by("pk")
    return [(one.action, one.object, one.detail) for one in rows if "apikey" not in one.action]


def test_a_weight_leaves_the_same_entry_from_both_doors(call: Any, console: Client) -> None:
    call("PUT", "pressure/weights", {"weights": {"fax": 300}})
    ChannelWeight.objects.all().delete()
    form = {"channel": "fax", "weight": "300"}
    assert console.post(page("channelweight"), form).status_code == 302
    first, second = entries()
    assert first == second == ("pressure.weights", "activation.channelweight", {"fax": 300})


def test_a_message_class_leaves_the_same_entry_from_both_doors(call: Any, console: Client) -> None:
    flags = {"weight": 200, "obeys_caps": False, "counts_toward_caps": True}
    call("PUT", "pressure/classes/promo", flags)
    row = MessageClass.objects.get()
    form = {"name": "another", "weight": "200", "counts_toward_caps": "on"}
    assert console.post(page("messageclass", row.pk), form).status_code == 302
    first, second = entries()
    assert first == second == ("pressure.class", f"activation.messageclass:{row.pk}", flags)
    assert MessageClass.objects.get().name == "promo"  # journeys name it: it stays


def test_quiet_hours_leave_the_same_entry_from_both_doors(call: Any, console: Client) -> None:
    call("POST", "pressure/quiet-hours", {"name": "Night", "start": "22:00", "end": "07:00"})
    assert console.post(page("quiethours"), HOURS).status_code == 302
    assert [(action, detail) for action, _, detail in entries()] == [("quiethours.add", {})] * 2


def test_quiet_hours_are_changed_and_switched_off_in_the_console(console: Client) -> None:
    console.post(page("quiethours"), HOURS)
    row = QuietHours.objects.get()
    changed = {**HOURS, "end": "08:30", "channels": json.dumps(["sms"])}
    del changed["enabled"]
    assert console.post(page("quiethours", row.pk), changed).status_code == 302
    row.refresh_from_db()
    assert (f"{row.end:%H:%M}", row.channels, row.enabled) == ("08:30", ["sms"], False)
    fields = {"fields": ["channels", "enabled", "end"]}
    assert entries()[-1] == ("quiethours.change", f"activation.quiethours:{row.pk}", fields)


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("channelweight", {"channel": "fax", "weight": "1000001"}),
        ("channelweight", {"channel": "fax", "weight": "-1"}),
        ("messageclass", {"name": "promo", "weight": "1000001"}),
        ("quiethours", {**HOURS, "channels": json.dumps(["x" * 61])}),
        ("quiethours", {**HOURS, "channels": json.dumps(["x"] * 101)}),
        ("quiethours", {**HOURS, "channels": json.dumps([""])}),
        ("quiethours", {**HOURS, "end": "22:00"}),
    ],
)
def test_the_console_refuses_what_the_api_refuses(
    console: Client, model: str, form: dict[str, str]
) -> None:
    assert console.post(page(model), form).status_code == 200
    assert entries() == []


def test_a_class_whose_name_no_table_holds_is_refused(call: Any) -> None:
    refused = call("PUT", f"pressure/classes/{'x' * 61}", {})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_class")
    assert not MessageClass.objects.exists()


def test_what_is_removed_in_the_console_holds_as_it_does_by_default(console: Client) -> None:
    console.post(page("channelweight"), {"channel": "fax", "weight": "300"})
    row = ChannelWeight.objects.get()
    console.post(page("channelweight", row.pk, "delete"), {"post": "yes"})
    assert not ChannelWeight.objects.exists()
    removed = ("pressure.weights.remove", "activation.channelweight", {"channel": "fax"})
    assert entries()[-1] == removed
