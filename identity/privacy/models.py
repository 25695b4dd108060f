"""Tables of privacy: clear values behind a key, who saw them, what people allowed and forbade, who changed what.

They belong to identifiers by their key ("namespace:value"), not by a row id: a wish of somebody whom no touchpoint has shown yet
can be kept, and holds when they come.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField
from identity.privacy.masking import masked

KEY = 600  # the longest key of an identifier


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
        return masked(f"{self.action} {self.object}")


class VaultEntry(models.Model):
    """The newest clear value of one field of an owner identifier, sealed (see identity.privacy.vault)."""

    pk = models.CompositePrimaryKey("identifier", "field")
    identifier = models.CharField(max_length=KEY)
    field = models.CharField(max_length=200)
    sealed = models.TextField()  # base64 of nonce and AES-GCM ciphertext
    at = InstantField()
    received_at = InstantField()
    touchpoint = models.CharField(max_length=36)

    class Meta:
        verbose_name = _("vault entry")
        verbose_name_plural = _("vault")

    def __str__(self) -> str:
        return self.field


class VaultAccess(models.Model):
    """Somebody read a clear value."""

    at = InstantField(_("at"), db_index=True)
    actor = models.CharField(_("by"), max_length=200)
    why = models.CharField(_("why"), max_length=200)
    identifier = models.CharField(_("identifier"), max_length=KEY, db_index=True)
    field = models.CharField(_("field"), max_length=200)

    class Meta:
        verbose_name = _("access to clear data")
        verbose_name_plural = _("access log")

    def __str__(self) -> str:
        return f"{self.actor}: {self.field}"


class Consent(models.Model):
    """What an identifier's owner said last about one purpose on one channel; "*" stands for every channel."""

    identifier = models.CharField(_("identifier"), max_length=KEY)
    purpose = models.CharField(_("purpose"), max_length=100)
    channel = models.CharField(_("channel"), max_length=60)
    granted = models.BooleanField(_("granted"))
    at = InstantField(_("at"))
    received_at = InstantField(_("received"))
    touchpoint = models.CharField(_("touchpoint"), max_length=36, blank=True)
    said_by = models.CharField(_("said by"), max_length=200)  # "source:3", "key:...", "user:1"

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["identifier", "purpose", "channel"], name="consent_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.channel}: {self.granted}"


class Suppression(models.Model):
    """A channel ("*" = all) must not be used for an identifier, for this reason; `active` is false once that was lifted."""

    identifier = models.CharField(_("identifier"), max_length=KEY)
    channel = models.CharField(_("channel"), max_length=60)
    reason = models.CharField(_("reason"), max_length=20)
    active = models.BooleanField(_("active"))
    at = InstantField(_("since"))
    received_at = InstantField(_("received"))
    touchpoint = models.CharField(_("touchpoint"), max_length=36, blank=True)
    said_by = models.CharField(_("said by"), max_length=200)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            models.UniqueConstraint(
                fields=["identifier", "channel", "reason"], name="suppression_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.reason}"


class Erasure(models.Model):
    """Somebody is to be forgotten: how far that is, and afterwards the certificate of it.

    `subject` says who was asked for: {"identifier": key} or {"profile": id}. `keys`: the identifiers to erase, `uids`: the ids of profiles that they founded, `others`: those of other
    people that were seen with them, `pending`: touchpoints whose removal is written down and may not be done yet, `cursor`: how far a
    walk has come. They are emptied in the end; what stays names nobody. `removed`: {place: count}.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")

    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    asked_by = models.CharField(_("asked by"), max_length=200)
    asked_at = InstantField(_("asked"))
    started_at = InstantField(_("started"), null=True)
    erased_at = InstantField(_("erased"), null=True)
    finished_at = InstantField(_("finished"), null=True)
    phase = models.CharField(_("phase"), max_length=20, blank=True)
    subject = models.JSONField(default=dict)
    keys = models.JSONField(default=list)
    uids = models.JSONField(default=list)
    others = models.JSONField(default=list)
    pending = models.JSONField(default=list)
    cursor = models.JSONField(default=dict)
    identifiers = models.PositiveIntegerField(_("identifiers"), default=0)
    removed = models.JSONField(_("removed"), default=dict)
    notes = models.JSONField(_("notes"), default=list)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        indexes = [models.Index(fields=["state"], name="erasure_state")]

    def __str__(self) -> str:
        return f"erasure {self.pk}"


class Tombstone(models.Model):
    """An identifier, or the id of a profile, that was erased; known again by its HMAC alone (see identity.privacy.tombstones).

    `erased_at` is NULL while the erasure goes on. `generation`: how often it was erased; it enters the id of the profile that it founds
    next. `kept`: JSON of the objections (suppressions and refused consent) that hold again when somebody comes back with it.
    """

    digest = models.CharField(max_length=64, unique=True)
    erased_at = InstantField(null=True)
    generation = models.PositiveIntegerField(default=1)
    kept = models.TextField(default="[]")
    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="tombstones")

    class Meta:
        verbose_name = _("tombstone")
        verbose_name_plural = _("tombstones")

    def __str__(self) -> str:
        return f"generation {self.generation}"


class PersonalFile(models.Model):
    """A file about persons that a command wrote where it was told to: an erasure looks into it."""

    class Kind(models.TextChoices):
        EXPORT = "export", _("export")
        BAD_ROWS = "bad_rows", _("bad rows")
        BUNDLE = "bundle", _("bundle")

    host = models.CharField(_("host"), max_length=200)
    path = models.CharField(_("path"), max_length=1000)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    format = models.CharField(_("format"), max_length=10)
    written_at = InstantField(_("written"))

    class Meta:
        verbose_name = _("file about persons")
        verbose_name_plural = _("files about persons")
        constraints = [models.UniqueConstraint(fields=["host", "path"], name="personal_file_once")]

    def __str__(self) -> str:
        return self.path
