"""Tables of privacy: who did what."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class AuditEntry(models.Model):
    """One change that somebody made. Names fields and row ids, never a person's data."""

    at = InstantField(_("at"), db_index=True)
    actor = models.CharField(_("by"), max_length=200)
    action = models.CharField(_("action"), max_length=100)
    object = models.CharField(_("object"), max_length=200, db_index=True)
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")

    def __str__(self) -> str:
        return f"{self.action} {self.object}"
