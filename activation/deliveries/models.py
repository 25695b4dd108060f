"""Tables of deliveries: templates that people write, deliveries and what became of them that machines write."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from activation.audiences.models import Audience
from activation.deliveries.types import DeliveryStatus
from identity.fields import InstantField
from identity.profiles.models import Identifier


class Template(models.Model):
    """One version of a message's text. Never changed or deleted: journeys name it, and what was sent can be shown.

    `archived_at`: no journey may be published with it any more; those in force go on.
    """

    name = models.SlugField(_("name"), max_length=100)
    version = models.PositiveIntegerField(_("version"))
    channel = models.CharField(_("channel"), max_length=60)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    text = models.TextField(_("text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    created_at = InstantField(_("created"), editable=False)
    created_by = models.CharField(_("by"), max_length=200, blank=True, editable=False)
    archived_at = InstantField(_("archived"), null=True, editable=False)

    class Meta:
        verbose_name = _("template")
        verbose_name_plural = _("templates")
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="template_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Delivery(models.Model):
    """One message to one person.

    `key` is the occurrence key of the ledger row and the idempotency key of every provider. `profile` is the owner's profile when
    it was queued. `ledger_key` is the key of its ledger row: another one after it had to wait and the policies were asked again, for
    the instant `reserved_for`. `when_capped`, `give_up_at`: what its step says about waiting. `quiet`, `zone`: quiet hours of its
    journey (JSON), and the zone of people who have none. `address` is the identifier it is sent to. `held`: its enrolment is suspended.
    `checked_at`: since when it waits for wishes that were received before. `facts`: JSON for the template. `reported`: the
    sending is recorded as a touchpoint.
    """

    key = models.CharField(_("key"), max_length=200, unique=True)
    owner = models.ForeignKey(
        Identifier, models.CASCADE, related_name="+", verbose_name=_("owner identifier")
    )
    profile = models.BigIntegerField(_("profile at the time"))
    address = models.ForeignKey(
        Identifier,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("address"),
    )
    channel = models.CharField(_("channel"), max_length=60)
    message_class = models.CharField(_("message class"), max_length=60)
    template = models.ForeignKey(
        Template, models.PROTECT, related_name="deliveries", verbose_name=_("template")
    )
    journey = models.BigIntegerField(_("journey"), null=True)
    version = models.BigIntegerField(_("version"), null=True)
    node = models.CharField(_("step"), max_length=100, blank=True)
    occurrence = models.BigIntegerField(_("occurrence"), default=0)
    facts = models.TextField(_("facts"), default="{}")
    decision = models.BigIntegerField(_("decision"))
    ledger_key = models.CharField(max_length=200)
    reserved_for = InstantField()
    when_capped = models.CharField(max_length=20, blank=True)
    give_up_at = InstantField(null=True)
    quiet = models.TextField(default="[]")
    zone = models.CharField(max_length=60, blank=True)
    status = models.CharField(_("status"), max_length=20)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    held = models.BooleanField(_("held"), default=False)
    urgent = models.BooleanField(_("urgent"), default=False)
    created_at = InstantField(_("queued"))
    due_at = InstantField(_("due"))
    tries = models.PositiveIntegerField(_("tries"), default=0)
    lease_token = models.CharField(max_length=100, blank=True)
    lease_until = InstantField(null=True)
    checked_at = InstantField(null=True)
    handed_at = InstantField(_("handed over"), null=True)
    settled_at = InstantField(_("settled"), null=True)
    provider_id = models.CharField(_("provider's id"), max_length=200, blank=True)
    reported = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["owner", "id"], name="delivery_owner"),
            models.Index(fields=["handed_at"], name="delivery_handed"),
            models.Index(
                fields=["channel", "due_at", "id"],
                name="delivery_due",
                condition=models.Q(status=DeliveryStatus.QUEUED),
            ),
            models.Index(
                fields=["channel", "message_class", "due_at"],
                name="delivery_due_of_class",
                condition=models.Q(status=DeliveryStatus.QUEUED),
            ),
            models.Index(
                fields=["lease_until"],
                name="delivery_in_hand",
                condition=models.Q(status=DeliveryStatus.HANDING_OVER),
            ),
            models.Index(
                fields=["id"],
                name="delivery_unreported",
                condition=models.Q(
                    status__in=["sent", "delivered", "bounced", "complained"], reported=False
                ),
            ),
            models.Index(fields=["channel", "status", "id"], name="delivery_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"


class DeliveryStep(models.Model):
    """Something that happened to a delivery beside the straight road: a failed try, a refusal, a decision by hand."""

    delivery = models.ForeignKey(
        Delivery, models.CASCADE, related_name="steps", verbose_name=_("delivery")
    )
    at = InstantField(_("at"))
    status = models.CharField(_("status"), max_length=20)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("delivery step")
        verbose_name_plural = _("delivery steps")

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class Reaction(models.Model):
    """What a person, or a machine in their place, did about a delivery; one row per touchpoint."""

    delivery = models.ForeignKey(
        Delivery, models.CASCADE, related_name="reactions", verbose_name=_("delivery")
    )
    touchpoint = models.CharField(_("touchpoint"), max_length=36, unique=True)
    kind = models.CharField(_("kind"), max_length=20)
    open_kind = models.CharField(_("kind of open"), max_length=20, blank=True)
    at = InstantField(_("at"))
    url = models.CharField(_("address"), max_length=2000, blank=True)

    class Meta:
        verbose_name = _("reaction")
        verbose_name_plural = _("reactions")

    def __str__(self) -> str:
        return f"{self.kind} {self.delivery_id}"


class PartnerList(models.Model):
    """What a partner (a DSP) pulls: the identifiers of one namespace, of an audience or of everybody, and who is at a cap.

    `number` counts changes: a partner that has seen up to n asks for what came after.
    """

    channel = models.CharField(_("channel"), max_length=60, default="display")
    name = models.SlugField(_("name"), max_length=100)
    namespace = models.CharField(_("namespace"), max_length=60)
    audience = models.ForeignKey(
        Audience,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="partner_lists",
        verbose_name=_("audience"),
    )
    message_class = models.CharField(_("message class"), max_length=60, default="marketing")
    number = models.BigIntegerField(default=0, editable=False)
    refreshed_at = InstantField(_("refreshed"), null=True, editable=False)
    created_at = InstantField(_("created"), editable=False)

    class Meta:
        verbose_name = _("partner list")
        verbose_name_plural = _("partner lists")
        constraints = [
            models.UniqueConstraint(fields=["channel", "name"], name="partner_list_once")
        ]

    def __str__(self) -> str:
        return f"{self.channel}/{self.name}"


class ListEntry(models.Model):
    """What a partner was last told about an identifier, by its row id and its value.

    An entry that is out stays, also when the identifier itself is gone, so that the partner hears of it.
    """

    list = models.ForeignKey(PartnerList, models.CASCADE, db_index=False, related_name="entries")
    identifier = models.BigIntegerField(_("identifier"))
    value = models.CharField(_("value"), max_length=600)
    state = models.CharField(_("state"), max_length=10)  # in, capped, out
    number = models.BigIntegerField()

    class Meta:
        verbose_name = _("entry of a partner list")
        verbose_name_plural = _("entries of partner lists")
        constraints = [
            models.UniqueConstraint(fields=["list", "identifier"], name="list_entry_once")
        ]
        indexes = [
            models.Index(fields=["list", "number", "id"], name="list_entry_changes"),
            models.Index(fields=["identifier"], name="list_entry_identifier"),
        ]

    def __str__(self) -> str:
        return f"{self.value}: {self.state}"
