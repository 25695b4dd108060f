"""Tables of unified profiles: who is who now, and what each owner identifier brought along."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class Profile(models.Model):
    """One person. `uid` = uuid5(secret namespace, founder); what it is made of hangs on its identifiers.

    A profile that lost its last identifier keeps its row: its uid goes on answering (see `selectors.find`).
    """

    uid = models.UUIDField(unique=True)
    founder = models.CharField(_("founder"), max_length=600)
    created_at = InstantField(_("created"))

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return str(self.uid)


class Identifier(models.Model):
    """A known identifier, and the profile it belongs to at this moment."""

    key = models.CharField(_("key"), max_length=600, unique=True)  # "namespace:value"
    namespace = models.CharField(_("namespace"), max_length=60)
    kind = models.CharField(_("kind"), max_length=10)  # person, device, cookie, household
    priority = models.SmallIntegerField(_("priority"))
    first_number = models.BigIntegerField(_("first inbox number"))
    profile = models.ForeignKey(
        Profile, models.PROTECT, related_name="identifiers", verbose_name=_("profile")
    )
    contested = models.BooleanField(_("contested"), default=False)

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")

    def __str__(self) -> str:
        return self.key
