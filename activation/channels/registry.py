"""Which channels there are: the built-in ones of settings.CHANNELS, and those that an operator added."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext

from activation.channels import signing
from activation.channels.models import ChannelConfig, Kind
from activation.channels.port import Channel
from activation.channels.pull import PullChannel
from activation.channels.webhook import WebhookChannel
from identity.errors import NotFound
from identity.privacy.keys import keys_at

ACK_WITHIN = (
    300  # seconds that a fetched delivery of a built-in channel may stay without acknowledgement
)


@dataclass(frozen=True, slots=True)
class Description:
    """What others need to know of a channel without opening connections. `setup`: what it is made of; a change opens it afresh."""

    name: str
    pull: bool
    addressed_by: str
    enabled: bool = True
    ack_within: int = ACK_WITHIN
    setup: object = field(default=None, repr=False)


def descriptions() -> Mapping[str, Description]:
    """Return every channel by name; one of the settings wins over a row of the same name."""
    rows = {
        row.name: Description(
            row.name,
            row.kind == Kind.PULL,
            row.addressed_by,
            row.enabled,
            row.ack_within,
            (row.pk, row.url, row.secret_number, row.rotating, settings.WEBHOOK_ALLOW_PRIVATE),
        )
        for row in ChannelConfig.objects.all()
    }
    return {**rows, **{name: _built_in(name) for name in settings.CHANNELS}}


def names() -> set[str]:
    """Return the names of all channels, switched on or not."""
    return {*settings.CHANNELS, *ChannelConfig.objects.values_list("name", flat=True)}


def describe(name: str) -> Description:
    """Return one channel. Raises NotFound."""
    found = descriptions().get(name)
    if found is None:
        raise NotFound("unknown_channel", gettext("there is no channel %(name)s") % {"name": name})
    return found


def open_channel(name: str) -> Channel:
    """Make a channel with connections of its own; the caller closes it. Raises NotFound."""
    if name in settings.CHANNELS:
        return _make(name)
    row = ChannelConfig.objects.filter(name=name).first()
    if row is None:
        raise NotFound("unknown_channel", gettext("there is no channel %(name)s") % {"name": name})
    if row.kind == Kind.PULL:
        return PullChannel(row.name, addressed_by=row.addressed_by)
    return WebhookChannel(
        row.name,
        url=row.url,
        secrets=secrets_of(row),
        addressed_by=row.addressed_by,
        allow_private=settings.WEBHOOK_ALLOW_PRIVATE,
    )


def secrets_of(row: ChannelConfig) -> list[str]:
    """Return the written secrets that sign for this channel, the present one first."""
    key = keys_at(settings.KEYS_FILE).token
    numbers = [row.secret_number]
    if row.rotating and row.secret_number > 1:
        numbers.append(row.secret_number - 1)
    return [signing.secret_of(key, f"webhook/{row.pk}/{number}") for number in numbers]


def _make(name: str) -> Channel:
    configured = settings.CHANNELS[name]
    made: Channel = import_string(configured["BACKEND"])(name, **configured.get("OPTIONS", {}))
    return made


def _built_in(name: str) -> Description:
    backend: type[Channel] = import_string(settings.CHANNELS[name]["BACKEND"])
    options = settings.CHANNELS[name].get("OPTIONS", {})
    return Description(
        name,
        backend.pull,
        options.get("addressed_by", backend.addressed_by),
        setup=dict(options),
    )
