"""Tables of the graph store on SQL, written and read through `identity.graph.sql_store` only; the stored policies; crowds.

Row ids are joined without foreign keys: the data plane writes hundreds of rows per statement, and one writer keeps them whole.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class GraphMark(models.Model):
    """One row: the uuid that the store was given when it was made, and the lane's present epoch."""

    uuid = models.UUIDField()
    epoch = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("graph store")

    def __str__(self) -> str:
        return str(self.uuid)


class GraphTouchpoint(models.Model):
    """A touchpoint as it was recorded. `number` is the inbox number under which it was first received.

    `vouches`: it is evidence for its owner; for the other identifiers that it carries GraphCarries says so.
    """

    number = models.BigIntegerField(primary_key=True)
    uid = models.CharField(max_length=36, unique=True)
    source = models.BigIntegerField()
    at = InstantField()
    received_at = InstantField()
    owner = models.BigIntegerField(null=True)  # GraphIdentifier
    vouches = models.BooleanField(default=True)
    aside = models.BooleanField(default=False)
    body = models.TextField()  # see identity.graph.bodies

    class Meta:
        verbose_name = _("recorded touchpoint")
        indexes = [
            models.Index(
                fields=["owner", "at", "uid"],
                condition=models.Q(owner__isnull=False),
                name="graph_timeline",
            ),
            models.Index(
                fields=["source", "number"],
                condition=models.Q(owner=None, aside=False),
                name="graph_unowned",
            ),
        ]

    def __str__(self) -> str:
        return self.uid


class GraphIdentifier(models.Model):
    """A node of the graph.

    `degree`: how many person identifiers it was seen with. `first_number` is null when no touchpoint vouches for it any more.
    `turned`: the number of the touchpoint that made it a hub, or none again.
    """

    key = models.CharField(max_length=600, unique=True)
    kind = models.CharField(max_length=10)
    first_number = models.BigIntegerField(null=True)
    degree = models.BigIntegerField(default=0)
    quarantined = models.BooleanField(default=False)
    turned = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = _("node of the graph")
        indexes = [
            models.Index(fields=["key"], condition=models.Q(quarantined=True), name="graph_hubs")
        ]

    def __str__(self) -> str:
        return self.key


class GraphCarries(models.Model):
    """A touchpoint carries an identifier that does not own it.

    Its owner is in the touchpoint's row, and the index of timelines finds it from there: one page less to write at a random place.
    """

    identifier = models.BigIntegerField()
    touchpoint = models.BigIntegerField()

    class Meta:
        verbose_name = _("carried identifier")
        constraints = [
            models.UniqueConstraint(fields=["identifier", "touchpoint"], name="graph_carries")
        ]

    def __str__(self) -> str:
        return f"{self.touchpoint}: {self.identifier}"


class GraphLink(models.Model):
    """All evidence of one source for one pair of identifiers.

    `conducts` is false when an end is a household. `first_number`: of the touchpoint that brought it.
    """

    a = models.BigIntegerField()
    b = models.BigIntegerField()
    source = models.BigIntegerField()
    first_seen = InstantField()
    last_seen = InstantField()
    count = models.BigIntegerField()
    same = models.BooleanField(default=False)
    strength = models.FloatField(default=1.0)
    conducts = models.BooleanField(default=True)
    first_number = models.BigIntegerField()

    class Meta:
        verbose_name = _("link")
        constraints = [models.UniqueConstraint(fields=["a", "b", "source"], name="graph_link")]
        indexes = [models.Index(fields=["b", "a"], name="graph_link_back")]

    def __str__(self) -> str:
        return f"{self.a}-{self.b}"


class Crowd(models.Model):
    """A neighbourhood with more links than may be read with each batch that touches it; whoever belongs to it carries its `id`.

    `id`: the first inbox number under which any of them was received, so that nobody has to hand it out.
    """

    id = models.BigIntegerField(primary_key=True)
    links = models.BigIntegerField(_("links"))
    identifiers = models.BigIntegerField(_("identifiers"))
    found_at = InstantField(_("found"))

    class Meta:
        verbose_name = _("neighbourhood that is too large")
        verbose_name_plural = _("neighbourhoods that are too large")

    def __str__(self) -> str:
        return f"{self.links}"


class IdentityPolicy(models.Model):
    """A version of the rules of who is who. One that nobody asked to apply yet is the draft; any other never changes.

    In force is the highest version that was applied. From then on the lane brings what is stored to it: first which nodes of the
    graph are hubs (`step` "hubs"), then what is around those that turned ("turned"; `deferred`: profiles that fall apart meanwhile, as
    JSON, see identity.profiles.unsettled), then whose identifiers are whose ("profiles"); `cursor` says where it goes on, `settled_at`
    when it was through.
    """

    version = models.PositiveIntegerField(_("version"), primary_key=True)
    document = models.JSONField(_("document"))  # see identity.graph.documents
    created_at = InstantField(_("created"))
    changed_at = InstantField(_("changed"))
    changed_by = models.CharField(_("changed by"), max_length=200, blank=True)
    requested_at = InstantField(_("asked to apply"), null=True)
    applied_at = InstantField(_("in force since"), null=True)
    settled_at = InstantField(_("all brought to it"), null=True)
    step = models.CharField(max_length=10, default="hubs")
    cursor = models.CharField(max_length=600, blank=True)
    deferred = models.TextField(default="[]")
    processed = models.BigIntegerField(_("processed"), default=0)

    class Meta:
        verbose_name = _("identity policy")
        verbose_name_plural = _("identity policies")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.version}"
