"""Tables of channels: those that an operator adds; the built-in ones come from the settings."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class Kind(models.TextChoices):
    """How a channel that is not built in gets its messages."""

    PULL = "pull", _("fetches its deliveries over the REST API")
    WEBHOOK = "webhook", _("is called with a signed request")


class ChannelConfig(models.Model):
    """A channel that is not built in.

    `addressed_by`: the kind of address that the channel needs ("email", "sms", ...); empty when it knows people by our profile id.
    `secret_number` counts the secrets of a webhook; they are derived from the installation's keys. `ack_within`: seconds that a
    fetched delivery may stay without acknowledgement before it becomes unknown.
    """

    name = models.SlugField(_("name"), max_length=60, unique=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.PULL)
    enabled = models.BooleanField(_("enabled"), default=True)
    addressed_by = models.CharField(_("addressed by"), max_length=60, blank=True)
    url = models.CharField(_("address"), max_length=500, blank=True)
    secret_number = models.PositiveIntegerField(_("number of the secret"), default=1)
    rotating = models.BooleanField(
        _("also sign with the previous secret"),
        default=False,
    )
    ack_within = models.PositiveIntegerField(_("seconds to acknowledge"), default=300)
    trouble = models.CharField(_("trouble"), max_length=200, blank=True, editable=False)
    created_at = InstantField(_("created"), editable=False)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.name
