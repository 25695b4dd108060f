"""Tables of what comes in: sources, their write keys and refusals, and where the lane stands."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class Source(models.Model):
    """Where touchpoints come from. `uuid` is the namespace of its touchpoints' ids and never changes."""

    uuid = models.UUIDField(unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(
        _("kind"), max_length=20, default="site"
    )  # site, app, server, crm, ads, internal
    enabled = models.BooleanField(_("enabled"), default=True)
    region = models.CharField(
        _("region"), max_length=2, blank=True
    )  # ISO 3166 code; completes phone numbers
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    created_at = InstantField(_("created"))

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    def __str__(self) -> str:
        return self.name


class Forgetting(models.Model):
    """A source that is no evidence any more: how far the lane has come with taking out what it brought.

    `begun_at`: from then on nothing that it sends is evidence. `position`: the inbox number up to which all is done, of `until`.
    """

    source = models.OneToOneField(
        Source, models.CASCADE, related_name="forgetting", verbose_name=_("source")
    )
    asked_at = InstantField(_("asked"))
    asked_by = models.CharField(_("asked by"), max_length=200)
    begun_at = InstantField(_("begun"), null=True)
    position = models.BigIntegerField(_("up to number"), default=0)
    until = models.BigIntegerField(_("of number"), default=0)
    touchpoints = models.BigIntegerField(_("touchpoints"), default=0)
    done_at = InstantField(_("done"), null=True)

    class Meta:
        verbose_name = _("forgotten source")
        verbose_name_plural = _("forgotten sources")

    def __str__(self) -> str:
        return str(self.source_id)


class WriteKey(models.Model):
    """A key that lets a source write. Only its SHA-256 is stored; it is shown once, when it is made."""

    source = models.ForeignKey(
        Source, models.CASCADE, related_name="write_keys", verbose_name=_("source")
    )
    prefix = models.CharField(_("prefix"), max_length=12)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = InstantField(_("created"))
    revoked_at = InstantField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("write key")
        verbose_name_plural = _("write keys")

    def __str__(self) -> str:
        return f"{self.prefix}…"


class Refusal(models.Model):
    """Events of a source that were refused for one reason."""

    source = models.ForeignKey(
        Source, models.CASCADE, related_name="refusals", verbose_name=_("source")
    )
    reason = models.CharField(_("reason"), max_length=100)
    detail = models.CharField(_("last detail"), max_length=500, blank=True)
    count = models.BigIntegerField(_("count"), default=0)
    first_at = InstantField(_("first"))
    last_at = InstantField(_("last"))

    class Meta:
        verbose_name = _("refusal")
        verbose_name_plural = _("refusals")
        constraints = [models.UniqueConstraint(fields=["source", "reason"], name="refusal_once")]

    def __str__(self) -> str:
        return f"{self.reason}: {self.count}"


class SetAside(models.Model):
    """An inbox row that failed alone, or that waits for a crowd's turn. `payload` is as encrypted as it was in the inbox."""

    number = models.BigIntegerField(_("number"), unique=True)
    touchpoint = models.CharField(_("touchpoint"), max_length=36, blank=True)
    source = models.BigIntegerField(_("source"))
    mode = models.CharField(_("mode"), max_length=8)
    received_at = InstantField(_("received"))
    payload = models.BinaryField()
    tries = models.PositiveIntegerField(_("tries"), default=0)
    error = models.CharField(_("error"), max_length=500, blank=True)
    state = models.CharField(
        _("state"), max_length=10, default="trying"
    )  # trying, aside, again, waiting
    crowd = models.BigIntegerField(default=0, db_default=0)  # waiting: for whose turn
    changed_at = InstantField(_("changed"))

    class Meta:
        verbose_name = _("set-aside touchpoint")
        verbose_name_plural = _("set-aside touchpoints")
        indexes = [
            models.Index(
                fields=["mode", "number"],
                condition=models.Q(state="waiting"),
                name="setaside_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.error}"


class Installation(models.Model):
    """One row: the stores and keys that belong together; anything else is refused.

    `moving`: where to its data are being taken, or were; until that is finished or given up nothing may work with them.
    """

    inbox = models.UUIDField(null=True)
    graph = models.UUIDField(null=True)
    identifier_key = models.CharField(max_length=16)
    vault_key = models.CharField(max_length=16)
    created_at = InstantField()
    moving = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("installation")

    def __str__(self) -> str:
        return f"installation of {self.created_at:%Y-%m-%d}"


class Lane(models.Model):
    """One row: the present epoch, and up to which inbox number each mode is processed."""

    epoch = models.BigIntegerField(default=0)
    holder = models.CharField(max_length=200, blank=True)
    heartbeat_at = InstantField(null=True)
    live_position = models.BigIntegerField(default=0)
    history_position = models.BigIntegerField(default=0)
    trouble = models.CharField(max_length=500, blank=True)  # what holds it up: a store is away
    trouble_since = InstantField(null=True)
    # How many times as long as usual it may give no sign: it waits that much longer for a store that did not answer.
    patience = models.PositiveSmallIntegerField(default=1)

    class Meta:
        verbose_name = _("lane")

    def __str__(self) -> str:
        return f"lane, epoch {self.epoch}"


class Batch(models.Model):
    """What one lane transaction did, with the time and the versions it used: replay uses them again.

    `kind`: touchpoints, clock, aside, or the kind of a command. `horizon`: up to where the clock was taken to have run.
    `versions`: of policies, audiences and journeys, by their row ids.
    """

    kind = models.CharField(_("kind"), max_length=60)
    epoch = models.BigIntegerField()
    now = InstantField()
    horizon = InstantField()
    mode = models.CharField(max_length=8)
    first_number = models.BigIntegerField(null=True)
    last_number = models.BigIntegerField(null=True)
    touchpoints = models.PositiveIntegerField(default=0)
    versions = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes = [models.Index(fields=["mode", "first_number"], name="batch_of_number")]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class LaneCommand(models.Model):
    """Something that only the lane may do, asked for by a person, the API or a job; done in the order of the ids."""

    kind = models.CharField(_("kind"), max_length=60)
    payload = models.JSONField(_("payload"), default=dict)
    actor = models.CharField(_("asked by"), max_length=200, blank=True)
    created_at = InstantField(_("created"))
    done_at = InstantField(_("done"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=500, blank=True)
    broke = models.BooleanField(_("broke"), default=False)  # no refusal: a fault of the product
    tries = models.PositiveSmallIntegerField(
        _("tries"), default=0
    )  # counted once a lane died in it

    class Meta:
        verbose_name = _("lane command")
        verbose_name_plural = _("lane commands")
        indexes = [
            models.Index(fields=["id"], condition=models.Q(done_at=None), name="lane_command_open")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
