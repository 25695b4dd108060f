"""Tables of the composition root: the keys of API clients."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class ApiKey(models.Model):
    """Lets a program use the REST API. Only its SHA-256 is stored; the key is shown once, when it is made."""

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=20, unique=True, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    channel = models.CharField(_("channel"), max_length=60, blank=True)
    created_at = InstantField(_("created"))
    revoked_at = InstantField(_("revoked"), null=True, blank=True)
    used_at = InstantField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
