"""Tables of people in journeys. The lane alone writes them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField
from identity.profiles.models import Identifier
from journeys.publishing.models import Journey, JourneyVersion


class State(models.TextChoices):
    """What an enrolment does. Whether its journey is paused is said by the journey."""

    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")
    FAILED = "failed", _("failed")  # going on raised; the reason says what
    DONE = "done", _("done")


class Enrolment(models.Model):
    """One person's run through a version of a journey. It stays with its owner identifier, whoever's profile that is.

    `key`: of keyed entries, the value that this run is about. `node`, `wake_at` and `place` (JSON of `journeys.types.Place`) say
    where the person stands. `trigger`: inbox number of the touchpoint that started it, 0 for an audience. `rival`: the run that
    goes on while this one is suspended. `watching`: something can still happen, be it that the goal is reached after the end.
    """

    journey = models.ForeignKey(
        Journey, models.PROTECT, db_index=False, related_name="+", verbose_name=_("journey")
    )
    version = models.ForeignKey(
        JourneyVersion, models.PROTECT, db_index=False, related_name="+", verbose_name=_("version")
    )
    owner = models.ForeignKey(
        Identifier, models.PROTECT, db_index=False, related_name="+", verbose_name=_("owner")
    )
    key = models.CharField(_("key"), max_length=200, blank=True)
    node = models.CharField(_("node"), max_length=40)
    wake_at = InstantField(_("wakes"), null=True)
    place = models.TextField(_("place"))
    entered_at = InstantField(_("entered"))
    trigger = models.BigIntegerField(_("trigger"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    rival = models.BigIntegerField(_("rival"), null=True)
    converted_at = InstantField(_("goal reached"), null=True)
    goal_until = InstantField(_("goal open until"), null=True)
    watching = models.BooleanField(default=True)
    holdout = models.BooleanField(_("held out"), default=False)
    changed_at = InstantField(_("changed"))

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        indexes = [
            models.Index(fields=["owner", "journey"], name="enrolment_owner"),
            models.Index(fields=["owner"], condition=Q(watching=True), name="enrolment_watching"),
            models.Index(
                fields=["journey", "wake_at"],
                condition=Q(state="active", wake_at__isnull=False),
                name="enrolment_wake",
            ),
            models.Index(
                fields=["version", "node"], condition=~Q(state="done"), name="enrolment_inside"
            ),
            models.Index(
                fields=["goal_until"],
                condition=Q(goal_until__isnull=False),
                name="enrolment_goal",
            ),
        ]

    def __str__(self) -> str:
        return f"enrolment {self.pk}"


class Step(models.Model):
    """A line of an enrolment's timeline: what happened at a node, and why. `port` "" = the person stays, or leaves the journey."""

    enrolment = models.ForeignKey(
        Enrolment,
        models.CASCADE,
        db_index=False,
        related_name="steps",
        verbose_name=_("enrolment"),
    )
    at = InstantField(_("at"))
    node = models.CharField(_("node"), max_length=40)
    visit = models.PositiveIntegerField(_("visit"), default=1)
    port = models.CharField(_("port"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        indexes = [models.Index(fields=["enrolment", "id"], name="step_timeline")]

    def __str__(self) -> str:
        return f"{self.node} {self.port}"


class Slot(models.Model):
    """What a journey decided to show a person in a slot of the site, until when (NULL: until it changes)."""

    owner = models.ForeignKey(
        Identifier, models.PROTECT, db_index=False, related_name="+", verbose_name=_("owner")
    )
    slot = models.CharField(_("slot"), max_length=80)
    journey = models.ForeignKey(
        Journey, models.PROTECT, db_index=False, related_name="+", verbose_name=_("journey")
    )
    content = models.TextField(_("content"))  # JSON
    priority = models.SmallIntegerField(_("priority"), default=0)
    decided_at = InstantField(_("decided"))
    until = InstantField(_("until"), null=True)

    class Meta:
        verbose_name = _("site slot")
        verbose_name_plural = _("site slots")
        constraints = [
            models.UniqueConstraint(fields=["owner", "slot", "journey"], name="slot_once")
        ]

    def __str__(self) -> str:
        return f"{self.slot} of {self.owner_id}"


class Sighting(models.Model):
    """A touchpoint that some journey in force looks at, with the properties that it asks for.

    Kept so that a touchpoint counts whichever was processed first: it, or what let the person in.
    """

    number = models.BigIntegerField(_("inbox number"), primary_key=True)
    owner = models.ForeignKey(
        Identifier, models.PROTECT, db_index=False, related_name="+", verbose_name=_("owner")
    )
    event = models.CharField(_("event"), max_length=200)
    at = InstantField(_("at"))
    delivery = models.CharField(_("delivery"), max_length=120, blank=True)
    properties = models.TextField(default="{}")  # JSON

    class Meta:
        verbose_name = _("sighting")
        verbose_name_plural = _("sightings")
        indexes = [
            models.Index(fields=["owner", "at"], name="sighting_owner"),
            models.Index(fields=["at"], name="sighting_pruning"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.number}"
