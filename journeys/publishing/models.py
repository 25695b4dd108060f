"""Tables of what people decide about journeys: drafts, versions, migration maps."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class State(models.TextChoices):
    """What a journey does with people. Draining and ejecting end by themselves in stopped."""

    DRAFT = "draft", _("draft")
    LIVE = "live", _("live")
    PAUSED = "paused", _("paused")
    DRAINING = "draining", _("draining")  # nobody enters; who is inside goes on
    EJECTING = "ejecting", _("ejecting")  # who is inside leaves
    STOPPED = "stopped", _("stopped")


class Journey(models.Model):
    """An if-then scenario. `draft` is the working copy, whose number `revision` rises with each save."""

    name = models.CharField(_("name"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    draft = models.JSONField(_("draft"), default=dict)
    revision = models.PositiveIntegerField(_("revision"), default=1, editable=False)
    saved_by = models.CharField(_("saved by"), max_length=200, blank=True, editable=False)
    saved_at = InstantField(_("saved"), editable=False)
    version = models.ForeignKey(
        "JourneyVersion",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("published version"),
    )
    created_at = InstantField(_("created"), editable=False)

    class Meta:
        verbose_name = _("journey")
        verbose_name_plural = _("journeys")

    def __str__(self) -> str:
        return self.name


class JourneyVersion(models.Model):
    """A definition as it was published. Never changed, but for `in_use`: whether it may still have people inside."""

    journey = models.ForeignKey(
        Journey, models.PROTECT, related_name="versions", verbose_name=_("journey")
    )
    number = models.PositiveIntegerField(_("number"))
    definition = models.TextField(_("definition"))  # canonical JSON
    digest = models.CharField(max_length=64, db_index=True)
    in_use = models.BooleanField(_("in use"), default=True)
    published_at = InstantField(_("published"))
    published_by = models.CharField(_("published by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("journey version")
        verbose_name_plural = _("journey versions")
        constraints = [
            models.UniqueConstraint(fields=["journey", "number"], name="journey_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.journey_id} v{self.number}"


class Relocation(models.Model):
    """A line of a migration map: people at `node` of an older version are to move or to leave. Who stays has no line."""

    version = models.ForeignKey(
        JourneyVersion, models.CASCADE, related_name="relocations", verbose_name=_("from version")
    )
    node = models.CharField(_("node"), max_length=40)
    to_version = models.ForeignKey(
        JourneyVersion, models.CASCADE, related_name="+", verbose_name=_("to version")
    )
    to_node = models.CharField(_("to node"), max_length=40, blank=True)  # "" = leave
    done = models.BooleanField(_("done"), default=False)

    class Meta:
        verbose_name = _("relocation")
        verbose_name_plural = _("relocations")

    def __str__(self) -> str:
        return f"{self.version_id} {self.node} → {self.to_node or 'out'}"
