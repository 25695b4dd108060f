"""Tables of unified profiles: who is who now, and what each owner identifier brought along."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from identity.fields import InstantField


class Profile(models.Model):
    """One person. `uid` = uuid5(secret namespace, founder); what it is made of hangs on its identifiers.

    A profile that lost its last identifier keeps its row: its uid goes on answering (see `selectors.find`).
    """

    uid = models.CharField(max_length=36, unique=True)  # a UUID as text: the same in each database
    founder = models.CharField(_("founder"), max_length=600)
    created_at = InstantField(_("created"))

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        permissions = [
            ("reveal_profile", _("Can see clear personal data")),
            ("erase_profile", _("Can erase a person")),
        ]

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
    # Takes part in nothing. Stage 2 writes rows without it.
    forgotten = models.BooleanField(_("forgotten"), default=False, db_default=False)
    # The version of the identity policy under which its profile was last worked out; 0: it has to be (see unsettled.py).
    policy = models.PositiveIntegerField(_("identity policy"), default=1, db_default=1)
    # identity.graph.models.Crowd; 0: its neighbourhood is no crowd.
    crowd = models.BigIntegerField(default=0, db_default=0)
    # It founded a profile that may be several people (see undecided.py), as stage 2 saw that last.
    undecided = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        indexes = [
            models.Index(
                fields=["key"], condition=models.Q(forgotten=True), name="identifier_forgotten"
            ),
            models.Index(
                fields=["crowd"], condition=models.Q(crowd__gt=0), name="identifier_in_crowd"
            ),
            models.Index(
                fields=["profile", "id"],
                condition=models.Q(policy=0),
                name="identifier_unsettled",
            ),
            models.Index(
                fields=["profile"],
                condition=models.Q(undecided=True),
                name="identifier_undecided",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Decision(models.Model):
    """What a person decided about two identifiers: the log. `a` comes before `b`; the row's id says which decision is newer.

    It stands from `applied_at`, when the lane had carried it out, until `undone_at`.
    """

    verdict = models.CharField(_("decision"), max_length=12)  # identity.graph.types.Verdict
    a = models.CharField(_("identifier"), max_length=600)
    b = models.CharField(_("other identifier"), max_length=600)
    why = models.CharField(_("reason"), max_length=200, blank=True)
    made_at = InstantField(_("decided"))
    made_by = models.CharField(_("decided by"), max_length=200)
    applied_at = InstantField(_("in force since"), null=True)
    undone_at = InstantField(_("undone"), null=True)
    undone_by = models.CharField(_("undone by"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("decision about identity")
        verbose_name_plural = _("decisions about identity")
        indexes = [
            models.Index(fields=["a", "b"], name="decision_pair"),
            models.Index(fields=["b"], name="decision_other"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.pk}"


class Unshown(models.Model):
    """An identifier that changed its profile, which a graph store that shows memberships does not show yet.

    One row per change: who shows it deletes the rows that it read, never one that came meanwhile.
    """

    identifier = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    noted_at = InstantField(_("noted"))

    class Meta:
        verbose_name = _("membership to show")
        verbose_name_plural = _("memberships to show")

    def __str__(self) -> str:
        return str(self.identifier_id)


class Trait(models.Model):
    """The newest value of one trait that an owner identifier brought; a late touchpoint does not overwrite it."""

    pk = models.CompositePrimaryKey("owner_id", "name")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    name = models.CharField(_("name"), max_length=200)
    value = models.TextField(_("value"))  # canonical JSON; null takes the trait away
    at = InstantField(_("at"))
    received_at = InstantField(_("received"))
    touchpoint = models.CharField(_("touchpoint"), max_length=36)
    source = models.BigIntegerField(_("source"))

    class Meta:
        verbose_name = _("trait")
        verbose_name_plural = _("traits")

    def __str__(self) -> str:
        return self.name


class ContactCount(models.Model):
    """How often an owner identifier met the brand in one way. `event` is the event's name ("Order Completed", "page")."""

    pk = models.CompositePrimaryKey("owner_id", "direction", "channel", "message_class", "event")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    direction = models.CharField(_("direction"), max_length=8)
    channel = models.CharField(_("channel"), max_length=60)
    message_class = models.CharField(_("class"), max_length=60)
    event = models.CharField(_("event"), max_length=200)
    count = models.BigIntegerField(_("count"))
    first_at = InstantField(_("first"))
    last_at = InstantField(_("last"))

    class Meta:
        verbose_name = _("contact counter")
        verbose_name_plural = _("contact counters")

    def __str__(self) -> str:
        return f"{self.event}: {self.count}"


class Seen(models.Model):
    """When an owner identifier came up first, and when its person last did something (NULL: never)."""

    owner = models.OneToOneField(Identifier, models.CASCADE, primary_key=True)
    first_at = InstantField(_("first seen"))
    last_at = InstantField(_("last seen"), null=True)

    class Meta:
        verbose_name = _("presence")
        verbose_name_plural = _("presences")

    def __str__(self) -> str:
        return str(self.owner_id)


class Visit(models.Model):
    """An interval of activity on the site or in the app, of a device or cookie identifier where there is one.

    Two visits of one identifier are at least 30 minutes of silence apart.
    """

    pk = models.CompositePrimaryKey("owner_id", "started_at")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    started_at = InstantField(_("started"))
    ended_at = InstantField(_("ended"))
    touchpoints = models.BigIntegerField(_("touchpoints"))

    class Meta:
        verbose_name = _("visit")
        verbose_name_plural = _("visits")

    def __str__(self) -> str:
        return f"{self.started_at}"


class Order(models.Model):
    """One order of an owner identifier, as its newest statements have it (see identity.profiles.orders).

    `ticks`: its sum in ten-thousandths of the major unit, of whatever currency; NULL while nobody named one. `currency` is ""
    while nobody named one. `refunds` is JSON: {currency or "" for the order's: ticks}. `placed_at` is NULL while only a refund or
    a cancellation is known.
    `shared`: the same order id came under other owner identifiers too; where those are one person, it is one order.
    """

    pk = models.CompositePrimaryKey("owner_id", "order_id")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    order_id = models.CharField(_("order"), max_length=200)
    ticks = models.BigIntegerField(_("amount"), null=True)
    ticks_at = InstantField(null=True)
    ticks_received_at = InstantField(null=True)
    ticks_touchpoint = models.CharField(max_length=36, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    currency_at = InstantField(null=True)
    currency_received_at = InstantField(null=True)
    currency_touchpoint = models.CharField(max_length=36, blank=True)
    refunds = models.TextField(_("refunds"), default="{}")
    returned = models.BooleanField(_("refunded in full"))
    cancelled = models.BooleanField(_("cancelled"))
    placed_at = InstantField(_("placed"), null=True)
    shared = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [
            models.Index(fields=["order_id", "shared", "owner"], name="order_elsewhere"),
            models.Index(fields=["owner"], condition=models.Q(shared=True), name="order_shared"),
        ]

    def __str__(self) -> str:
        return self.order_id


class OrderTotal(models.Model):
    """Orders and revenue of an owner identifier in one currency, without cancelled and shared orders."""

    pk = models.CompositePrimaryKey("owner_id", "currency")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    currency = models.CharField(_("currency"), max_length=3)
    orders = models.BigIntegerField(_("orders"))
    revenue = models.BigIntegerField(_("revenue"))  # minor units, refunds taken off

    class Meta:
        verbose_name = _("order total")
        verbose_name_plural = _("order totals")

    def __str__(self) -> str:
        return f"{self.orders}"


class Household(models.Model):
    """People who belong together without being one person. `uid` = uuid5(secret namespace, key): it tells nobody the value."""

    uid = models.CharField(max_length=36, unique=True)
    key = models.CharField(_("key"), max_length=600, unique=True)  # "namespace:value"
    created_at = InstantField(_("created"))

    class Meta:
        verbose_name = _("household")
        verbose_name_plural = _("households")

    def __str__(self) -> str:
        return str(self.uid)


class HouseholdTie(models.Model):
    """What one source said about an owner identifier and a household: whoever's profile that is now belongs to it."""

    pk = models.CompositePrimaryKey("owner_id", "household_id", "source")
    owner = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    household = models.ForeignKey(Household, models.CASCADE, db_index=False)
    source = models.BigIntegerField(_("source"))
    first_at = InstantField(_("first"))
    last_at = InstantField(_("last"))
    count = models.BigIntegerField(_("count"))

    class Meta:
        verbose_name = _("place in a household")
        verbose_name_plural = _("places in households")
        indexes = [models.Index(fields=["household", "owner"], name="household_members")]

    def __str__(self) -> str:
        return f"{self.owner_id} in {self.household_id}"


class ProfileMove(models.Model):
    """Identifiers that went from one profile to another: a merge when the first was left empty, else a split.

    `evidence` is JSON: the links that joined them to the target (merge), or that were refused (split), with the reason. `occasion` and
    `number` say what the lane was doing, see identity.profiles.occasions.
    """

    at = InstantField(_("at"))
    kind = models.CharField(_("kind"), max_length=5)  # merge, split
    origin = models.ForeignKey(
        Profile, models.CASCADE, related_name="moves_from", db_index=False, verbose_name=_("from")
    )
    target = models.ForeignKey(
        Profile, models.CASCADE, related_name="moves_to", db_index=False, verbose_name=_("to")
    )
    identifiers = models.TextField(_("identifiers"))  # JSON: keys
    evidence = models.TextField(_("evidence"))
    occasion = models.CharField(_("occasion"), max_length=20)
    number = models.BigIntegerField(_("number"), null=True)

    class Meta:
        verbose_name = _("merge or split")
        verbose_name_plural = _("merges and splits")
        # Very many may come to one profile and leave it: those of a time are found without the others.
        indexes = [
            models.Index(fields=["origin", "at"], name="move_from"),
            models.Index(fields=["target", "at"], name="move_to"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.origin_id} → {self.target_id}"


class Passage(models.Model):
    """When an identifier last went from one profile to another: what ProfileMove says, found by the identifier.

    `origin` and `target` are row ids of profiles, which an erasure may have taken away.
    """

    pk = models.CompositePrimaryKey("identifier_id", "origin", "target")
    identifier = models.ForeignKey(Identifier, models.CASCADE, db_index=False)
    origin = models.BigIntegerField(_("from"))
    target = models.BigIntegerField(_("to"))
    moved_at = InstantField(_("at"))

    class Meta:
        verbose_name = _("passage of an identifier")
        verbose_name_plural = _("passages of identifiers")

    def __str__(self) -> str:
        return f"{self.identifier_id}: {self.origin} → {self.target}"
