"""Tables of pressure: what people decide (policies, weights, classes, quiet hours) and what the lane writes (all the others)."""

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from activation.pressure.types import LONGEST_CHANNEL, MAX_WEIGHT, MOST_CHANNELS
from identity.fields import InstantField
from identity.profiles.models import Identifier


class PolicyState(models.TextChoices):
    """Only live policies hold."""

    DRAFT = "draft", _("draft")
    LIVE = "live", _("live")
    ARCHIVED = "archived", _("archived")


class Policy(models.Model):
    """A rule about contacts. `document` is the working copy (see `documents`); `version` is what was published last."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("short name"), max_length=100, unique=True)
    state = models.CharField(
        _("state"), max_length=10, choices=PolicyState.choices, default=PolicyState.DRAFT
    )
    document = models.JSONField(_("document"), default=dict)
    version = models.ForeignKey(
        "PolicyVersion",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("published version"),
    )
    created_at = InstantField(_("created"), editable=False)
    changed_at = InstantField(_("changed"), editable=False)

    class Meta:
        verbose_name = _("pressure policy")
        verbose_name_plural = _("pressure policies")
        permissions = [("send_urgent", _("Can send urgent messages past the policies"))]

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """A policy as it was published. Never changed."""

    policy = models.ForeignKey(
        Policy, models.CASCADE, related_name="versions", verbose_name=_("policy")
    )
    number = models.PositiveIntegerField(_("number"))
    document = models.JSONField(_("document"))
    published_at = InstantField(_("published"))
    published_by = models.CharField(_("published by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} v{self.number}"


class ChannelWeight(models.Model):
    """What one contact over a channel weighs, in hundredths of a point."""

    channel = models.CharField(_("channel"), max_length=60, unique=True)
    weight = models.PositiveIntegerField(
        _("weight in hundredths"), default=100, validators=[MaxValueValidator(MAX_WEIGHT)]
    )

    class Meta:
        verbose_name = _("channel weight")
        verbose_name_plural = _("channel weights")
        ordering = ["channel"]

    def __str__(self) -> str:
        return f"{self.channel}: {self.weight / 100:g}"


class MessageClass(models.Model):
    """A kind of message: what it weighs, and which rules it obeys."""

    name = models.SlugField(_("name"), max_length=60, unique=True)
    weight = models.PositiveIntegerField(
        _("weight in hundredths"), default=100, validators=[MaxValueValidator(MAX_WEIGHT)]
    )
    obeys_caps = models.BooleanField(_("obeys caps and quiet hours"), default=True)
    counts_toward_caps = models.BooleanField(_("counts toward caps"), default=True)

    class Meta:
        verbose_name = _("message class")
        verbose_name_plural = _("message classes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class QuietHours(models.Model):
    """Hours of every local day in which only messages go whose class obeys no caps."""

    name = models.CharField(_("name"), max_length=200)
    start = models.TimeField(_("from"))
    end = models.TimeField(_("until"))
    channels = models.JSONField(_("channels"), default=list, blank=True, help_text=_("Empty: all"))
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("quiet hours")
        verbose_name_plural = _("quiet hours")

    def __str__(self) -> str:
        return f"{self.name} ({self.start:%H:%M}-{self.end:%H:%M})"

    def clean(self) -> None:
        """Refuse what would be read as no hours at all."""
        if self.start == self.end:
            raise ValidationError(
                {"end": _("Quiet hours must end at another time than they start.")}
            )
        if not _are_channels(self.channels):
            raise ValidationError({"channels": _("Give a list of channel names.")})


def _are_channels(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MOST_CHANNELS:
        return False
    return all(isinstance(one, str) and 0 < len(one) <= LONGEST_CHANNEL for one in value)


class LedgerRow(models.Model):
    """One contact on the account of an owner identifier. A profile's account is that of all its owners together.

    `key` is the occurrence key, which is also the key of the send; a reported contact has "reported:" and its touchpoint's id.
    `points`, `counts` and `seen` (policies and audiences, JSON) are frozen when it is written. `effective_at` is what windows read.
    """

    key = models.CharField(_("key"), max_length=200, unique=True)
    owner = models.ForeignKey(
        Identifier, models.CASCADE, db_index=False, verbose_name=_("owner identifier")
    )
    sequence = models.BigIntegerField(_("sequence"))
    origin = models.CharField(_("origin"), max_length=10)
    status = models.CharField(_("status"), max_length=10)
    channel = models.CharField(_("channel"), max_length=60)
    message_class = models.CharField(_("message class"), max_length=60)
    journey = models.BigIntegerField(_("journey"), null=True)
    version = models.BigIntegerField(_("version"), null=True)
    node = models.CharField(_("step"), max_length=100, blank=True)
    occurrence = models.BigIntegerField(_("occurrence"), default=0)
    points = models.BigIntegerField(_("points in hundredths"))
    counts = models.BooleanField(_("counts toward caps"))
    decided_at = InstantField(_("decided"))
    effective_at = InstantField(_("effective"))
    provider_id = models.CharField(_("provider id"), max_length=200, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    seen = models.TextField(_("policies and audiences seen"), default="{}")

    class Meta:
        verbose_name = _("ledger row")
        verbose_name_plural = _("ledger")
        constraints = [
            models.UniqueConstraint(fields=["owner", "sequence"], name="ledger_sequence"),
            models.CheckConstraint(
                name="ledger_status",
                condition=models.Q(status__in=["reserved", "committed", "released", "unknown"]),
            ),
        ]
        indexes = [models.Index(fields=["owner", "effective_at"], name="ledger_account")]

    def __str__(self) -> str:
        return f"{self.key} {self.status}"


class Intent(models.Model):
    """One wish to contact somebody, kept whether it was granted or not; `ask` is all that a replay needs (JSON)."""

    key = models.CharField(_("key"), max_length=200, unique=True)
    owner = models.ForeignKey(Identifier, models.CASCADE, verbose_name=_("owner identifier"))
    channel = models.CharField(_("channel"), max_length=60)
    message_class = models.CharField(_("message class"), max_length=60)
    journey = models.BigIntegerField(_("journey"), null=True)
    asked_at = InstantField(_("first asked"), db_index=True)
    ask = models.TextField(_("ask"))

    class Meta:
        verbose_name = _("intent")
        verbose_name_plural = _("intents")

    def __str__(self) -> str:
        return self.key


class Decision(models.Model):
    """The answer to one ask: which policies were looked at and how they stood (`uses`, JSON), who won, when it would pass."""

    key = models.CharField(_("key"), max_length=200, db_index=True)
    owner = models.ForeignKey(
        Identifier, models.CASCADE, db_index=False, verbose_name=_("owner identifier")
    )
    channel = models.CharField(_("channel"), max_length=60)
    message_class = models.CharField(_("message class"), max_length=60)
    journey = models.BigIntegerField(_("journey"), null=True)
    decided_at = InstantField(_("decided"))
    at = InstantField(_("asked for"))
    passed = models.BooleanField(_("passed"))
    reason = models.CharField(_("reason"), max_length=20)
    earliest = InstantField(_("earliest"), null=True)
    points = models.BigIntegerField(_("points in hundredths"))
    winner = models.CharField(_("refused by"), max_length=200, blank=True)
    uses = models.TextField(_("policies evaluated"), default="[]")
    audiences = models.TextField(_("audiences"), default="[]")

    class Meta:
        verbose_name = _("pressure decision")
        verbose_name_plural = _("pressure decisions")
        indexes = [models.Index(fields=["owner", "id"], name="decision_owner")]

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


class PersonCap(models.Model):
    """A cap of one person's own, given by a journey or through the API. The newest per owner and channel holds."""

    owner = models.ForeignKey(
        Identifier, models.CASCADE, db_index=False, verbose_name=_("owner identifier")
    )
    channel = models.CharField(_("channel"), max_length=60)
    limit = models.PositiveIntegerField(_("contacts"))
    window = models.BigIntegerField(_("window in milliseconds"), validators=[MinValueValidator(1)])
    until = InstantField(_("until"))
    origin = models.CharField(_("origin"), max_length=200, blank=True)
    changed_at = InstantField(_("changed"))

    class Meta:
        verbose_name = _("cap of one person")
        verbose_name_plural = _("caps of one person")
        constraints = [
            models.UniqueConstraint(fields=["owner", "channel"], name="person_cap_once")
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} {self.channel}: {self.limit}"
