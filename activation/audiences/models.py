"""Tables of audiences: what people decide (audiences, versions) and what the lane alone keeps (all the others)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField
from identity.profiles.models import Identifier, Profile


class Kind(models.TextChoices):
    """How a profile comes in."""

    RULE = "rule", _("by rule")
    MANUAL = "manual", _("by hand")


class State(models.TextChoices):
    """Only live audiences have members."""

    DRAFT = "draft", _("draft")
    LIVE = "live", _("live")
    ARCHIVED = "archived", _("archived")


class Audience(models.Model):
    """A set of profiles. `rule` is the working copy; `version` is what was published last."""

    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("short name"), max_length=100, unique=True)
    description = models.TextField(_("description"), blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.RULE)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DRAFT)
    rule = models.JSONField(_("rule"), null=True, blank=True)
    version = models.ForeignKey(
        "AudienceVersion",
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
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")

    def __str__(self) -> str:
        return self.name


class AudienceVersion(models.Model):
    """A rule as it was published. Never changed."""

    audience = models.ForeignKey(
        Audience, models.CASCADE, related_name="versions", verbose_name=_("audience")
    )
    number = models.PositiveIntegerField(_("number"))
    rule = models.JSONField(_("rule"), null=True)
    published_at = InstantField(_("published"))
    published_by = models.CharField(_("published by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("audience version")
        verbose_name_plural = _("audience versions")
        constraints = [
            models.UniqueConstraint(fields=["audience", "number"], name="audience_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.audience_id} v{self.number}"


class Build(models.Model):
    """How far the lane has come with an audience.

    `version` decides who is a member now; NULL before the first one is ready. Profiles up to row id `cursor` have been looked at
    under it, NULL means all, since `built_at`. `size` is the exact number of members. `failed`: why its rule is no longer asked, until a version
    is published that can be evaluated.
    """

    audience = models.OneToOneField(
        Audience,
        models.CASCADE,
        primary_key=True,
        related_name="build",
        verbose_name=_("audience"),
    )
    version = models.ForeignKey(
        AudienceVersion,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("version in force"),
    )
    cursor = models.BigIntegerField(null=True)
    built_at = InstantField(null=True)
    size = models.BigIntegerField(_("members"), default=0)
    failed = models.CharField(_("failed"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("audience build")

    def __str__(self) -> str:
        return f"{self.audience_id}: {self.size}"


class Membership(models.Model):
    """A profile is in an audience, since when and why.

    A profile's rows lie together in the one index, and who entered last is at the end of an audience's list in the other: a batch
    writes few pages of both.
    """

    pk = models.CompositePrimaryKey("profile_id", "audience_id")
    audience = models.ForeignKey(
        Audience, models.CASCADE, db_index=False, verbose_name=_("audience")
    )
    profile = models.ForeignKey(
        Profile,
        models.CASCADE,
        db_index=False,
        related_name="memberships",
        verbose_name=_("profile"),
    )
    since = InstantField(_("since"))
    cause = models.CharField(_("cause"), max_length=10)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        indexes = [
            models.Index(fields=["audience", "since", "profile"], name="membership_members")
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} in {self.audience_id}"


class MembershipLog(models.Model):
    """A profile entered or left an audience.

    `since`, `why`: since when it is taken to be in, and the cause of that; not `at` and `cause` when a split gave back what would be
    had there been no merge. Empty when it left.
    """

    audience = models.ForeignKey(
        Audience, models.CASCADE, db_index=False, verbose_name=_("audience")
    )
    profile = models.ForeignKey(Profile, models.CASCADE, db_index=False, verbose_name=_("profile"))
    entered = models.BooleanField(_("entered"))
    at = InstantField(_("at"))
    since = InstantField(_("since"), null=True)
    cause = models.CharField(_("cause"), max_length=10)
    why = models.CharField(_("why"), max_length=10, blank=True)

    class Meta:
        verbose_name = _("membership change")
        verbose_name_plural = _("membership changes")
        indexes = [
            models.Index(fields=["profile", "id"], name="membership_log_profile"),
            models.Index(fields=["audience", "at"], name="membership_log_audience"),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} {'+' if self.entered else '-'}{self.audience_id}"


class ManualMember(models.Model):
    """An identifier put into an audience by hand: whoever's profile it is now is a member."""

    pk = models.CompositePrimaryKey("owner_id", "audience_id")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    audience = models.ForeignKey(Audience, models.CASCADE)
    at = InstantField()

    class Meta:
        verbose_name = _("member by hand")
        verbose_name_plural = _("members by hand")

    def __str__(self) -> str:
        return f"{self.owner_id} in {self.audience_id}"


class Predicate(models.Model):
    """A behavioural condition that rules in force, or about to be, share.

    `filled`: the touchpoints stored before it was known have been looked at; until then up to number `cursor`. `retired`: no rule
    uses it any more; its matches go in slices, then the row. `swept_at`: when matches outside the window were last deleted.
    """

    key = models.CharField(max_length=32, unique=True)
    did = models.TextField()
    event = models.CharField(max_length=600)
    at_least = models.PositiveIntegerField()
    window = models.BigIntegerField()
    filled = models.BooleanField(default=False)
    cursor = models.BigIntegerField(default=0)
    retired = models.BooleanField(default=False)
    swept_at = InstantField()

    class Meta:
        verbose_name = _("predicate")
        verbose_name_plural = _("predicates")

    def __str__(self) -> str:
        return f"{self.event} x {self.at_least}"


class Match(models.Model):
    """A touchpoint that a predicate counts; the newest `at_least` per owner inside the window are kept, which is all it needs."""

    pk = models.CompositePrimaryKey("owner_id", "predicate_id", "touchpoint")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    predicate = models.ForeignKey(Predicate, models.CASCADE, db_index=False)
    touchpoint = models.CharField(max_length=36)
    at = InstantField()

    class Meta:
        verbose_name = _("match")
        verbose_name_plural = _("matches")
        indexes = [models.Index(fields=["predicate", "at"], name="match_pruning")]

    def __str__(self) -> str:
        return f"{self.predicate_id} {self.touchpoint}"


class Recheck(models.Model):
    """When the clock alone will next change an audience of this profile, to the millisecond."""

    profile = models.OneToOneField(Profile, models.CASCADE, primary_key=True)
    due_at = InstantField(db_index=True)

    class Meta:
        verbose_name = _("recheck")
        verbose_name_plural = _("rechecks")

    def __str__(self) -> str:
        return f"{self.profile_id} at {self.due_at}"


class Replay(models.Model):
    """A profile of which it is still to be found out since when it is in its audiences: see parted.py."""

    profile = models.OneToOneField(Profile, models.CASCADE, primary_key=True)
    came_at = InstantField()
    parted_at = InstantField()

    class Meta:
        verbose_name = _("replay")
        verbose_name_plural = _("replays")

    def __str__(self) -> str:
        return f"{self.profile_id} since {self.came_at}"
