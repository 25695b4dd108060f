"""Tables of the composition root: the keys of API clients, long jobs, the heartbeat of the task cluster."""

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


class Job(models.Model):
    """Something that takes longer than a request: done in slices, each of which commits its checkpoint with its work.

    `token` and `lease_until` belong to the slice that runs at the moment. A job whose lease lapsed is queued again.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    kind = models.CharField(_("kind"), max_length=60)
    payload = models.JSONField(_("payload"), default=dict)
    actor = models.CharField(_("asked by"), max_length=200, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    processed = models.BigIntegerField(_("processed"), default=0)
    total = models.BigIntegerField(_("of"), null=True)
    checkpoint = models.JSONField(_("checkpoint"), default=dict)
    cancel = models.BooleanField(_("to be cancelled"), default=False)
    error = models.CharField(_("error"), max_length=500, blank=True)
    token = models.CharField(max_length=32, blank=True)
    lease_until = InstantField(_("leased until"), default=0)
    created_at = InstantField(_("created"))
    changed_at = InstantField(_("changed"))

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="job_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class JobsHeartbeat(models.Model):
    """One row. `beaten_at`: when a worker of the task cluster last proved, by working, that the whole cluster works."""

    asked_at = InstantField(default=0)
    beaten_at = InstantField(null=True)

    class Meta:
        verbose_name = _("heartbeat of the jobs")

    def __str__(self) -> str:
        return f"heartbeat {self.beaten_at}"
