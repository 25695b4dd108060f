"""Which channels there are, and how each is made."""

import pytest

from activation.channels import registry
from activation.channels.email import EmailChannel
from activation.channels.models import ChannelConfig
from activation.channels.pull import PullChannel
from activation.channels.webhook import WebhookChannel
from identity.errors import NotFound

pytestmark = pytest.mark.django_db


def test_built_in_channels_are_there_without_a_row():
    found = registry.descriptions()
    assert {name: (one.pull, one.addressed_by) for name, one in found.items()} == {
        "email": (False, "email"),
        "site": (True, ""),
        "display": (True, ""),
    }
    assert isinstance(registry.open_channel("email"), EmailChannel)
    assert isinstance(registry.open_channel("display"), PullChannel)


def test_a_row_makes_a_channel_that_is_fetched():
    ChannelConfig.objects.create(name="sms", addressed_by="sms", ack_within=60, created_at=1)
    described = registry.describe("sms")
    assert (described.pull, described.addressed_by, described.ack_within) == (True, "sms", 60)
    assert isinstance(registry.open_channel("sms"), PullChannel)


def test_a_row_makes_a_channel_that_is_called():
    ChannelConfig.objects.create(
        name="crm", kind="webhook", url="https://crm.example/hook", enabled=False, created_at=1
    )
    described = registry.describe("crm")
    assert (described.pull, described.enabled) == (False, False)
    channel = registry.open_channel("crm")
    assert isinstance(channel, WebhookChannel)
    channel.close()


def test_a_row_never_replaces_a_built_in_channel():
    ChannelConfig.objects.create(name="email", created_at=1)
    assert not registry.describe("email").pull
    assert isinstance(registry.open_channel("email"), EmailChannel)


def test_the_previous_secret_signs_along_while_rotating():
    row = ChannelConfig.objects.create(name="crm", kind="webhook", created_at=1)
    [first] = registry.secrets_of(row)
    row.secret_number, row.rotating = 2, True
    second, previous = registry.secrets_of(row)
    assert previous == first != second


def test_unknown_channels():
    with pytest.raises(NotFound):
        registry.describe("pigeon")
    with pytest.raises(NotFound):
        registry.open_channel("pigeon")
