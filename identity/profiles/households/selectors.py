"""Reading households: what is known of each, who belongs to it, which ones somebody belongs to.

A household's people are the present profiles of the owner identifiers that a source placed in it. Sums are made by the database.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Subquery
from django.utils.translation import gettext as _

from identity.clock import Instant, from_datetime
from identity.errors import NotFound
from identity.graph import policies
from identity.graph.policy import Policy
from identity.privacy import vault
from identity.privacy.models import VaultEntry
from identity.profiles import accounts
from identity.profiles.accounts import Account
from identity.profiles.models import Household, HouseholdTie
from identity.sql import Rows, fetch
from identity.touchpoints.types import Direction, Identifier

# (household, profile) of the given households, each pair once
_PEOPLE = (
    "SELECT DISTINCT t.household_id AS grp, i.profile_id FROM {given}"
    " JOIN identity_householdtie AS t ON t.household_id = given.id"
    " JOIN identity_identifier AS i ON i.id = t.owner_id AND NOT i.forgotten"
)
_OWNERS = (
    "SELECT p.grp, o.id AS owner FROM ({people}) AS p"
    " JOIN identity_identifier AS o ON o.profile_id = p.profile_id AND NOT o.forgotten"
)
# The same of the rows of a list, as columns: how many people each has, whether its value is personal data
PEOPLE = Subquery(
    HouseholdTie.objects.filter(household=OuterRef("pk"), owner__forgotten=False)
    .values("household")
    .annotate(found=Count("owner__profile", distinct=True))
    .values("found")
)
HIDDEN = Exists(VaultEntry.objects.filter(identifier=OuterRef("key"), field=vault.VALUE))


@dataclass(frozen=True, slots=True)
class Home:
    """A household as it may be shown. `value` is None for personal data. `profiles`: how many people there are now."""

    row: int
    uid: str
    key: str
    namespace: str
    value: str | None
    created_at: Instant
    profiles: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """A household with the sums over its people. `contacts`: what the brand sent to, showed or called them."""

    home: Home
    account: Account
    contacts: int


@dataclass(frozen=True, slots=True)
class Place:
    """A person's place in a household: since when, and when a source said so last."""

    home: Home
    first_at: Instant
    last_at: Instant
    times: int


@dataclass(frozen=True, slots=True)
class Resident:
    """A profile (row id and public id) of a household."""

    profile: int
    uid: str
    first_at: Instant
    last_at: Instant


def find(uid: str | UUID) -> Household:
    """Return a household by its public id. Raises NotFound."""
    return _there(Household.objects.filter(uid=str(uid).lower()).first())


def by_identifier(identifier: Identifier) -> Household:
    """Return a household by what names it. Raises NotFound."""
    return _there(Household.objects.filter(key=identifier.key).first())


def _there(row: Household | None) -> Household:
    if row is None:
        raise NotFound("unknown_household", _("there is no such household"))
    return row


def homes(households: Collection[Household]) -> list[Home]:
    """Return these households in their order, with the number of their people; two statements."""
    if not households:
        return []
    given = Rows("given", id="bigint")
    people = _PEOPLE.format(given=given)
    counts = dict(
        fetch(
            f"SELECT p.grp, COUNT(*) FROM ({people}) AS p GROUP BY p.grp",
            given.of((one.pk,) for one in households),
        )
    )
    hidden = {
        key
        for key, field, _at in vault.fields([one.key for one in households])
        if field == vault.VALUE
    }
    policy = policies.current()
    return [
        home(one, policy, counts.get(one.pk, 0), hidden=one.key in hidden) for one in households
    ]


def home(row: Household, policy: Policy, profiles: int = 0, *, hidden: bool) -> Home:
    """Return a household. `hidden`: the vault holds its value, which is personal data."""
    identifier = Identifier.of(row.key)
    namespace = policy.find(identifier.namespace)
    personal = hidden or namespace is None or namespace.pii
    return Home(
        row=row.pk,
        uid=row.uid,
        key=row.key,
        namespace=identifier.namespace,
        value=None if personal else identifier.value,
        created_at=from_datetime(row.created_at),
        profiles=profiles,
    )


def summaries(households: Collection[Household]) -> list[Summary]:
    """Return these households in their order with the sums over their people; five statements, however many people they are."""
    if not households:
        return []
    given = Rows("given", id="bigint")
    owners = _OWNERS.format(people=_PEOPLE.format(given=given))
    parameters = given.of((one.pk,) for one in households)
    accounts_ = accounts.of_groups(owners, parameters)
    contacts = dict(
        fetch(
            f"SELECT g.grp, SUM(c.count) FROM ({owners}) AS g"
            " JOIN identity_contactcount AS c ON c.owner_id = g.owner"
            " WHERE c.direction = %s GROUP BY g.grp",
            [*parameters, Direction.OUTBOUND.value],
        )
    )
    return [
        Summary(one, accounts_.get(one.row, Account()), int(contacts.get(one.row, 0)))
        for one in homes(households)
    ]


def residents(household: int, *, after: int = 0, limit: int) -> list[Resident]:
    """Return the next people of a household, in the order of the row ids of their profiles, above `after`."""
    return [
        Resident(*row)
        for row in fetch(
            "SELECT i.profile_id, p.uid, MIN(t.first_at), MAX(t.last_at) FROM identity_householdtie AS t"
            " JOIN identity_identifier AS i ON i.id = t.owner_id AND NOT i.forgotten"
            " JOIN identity_profile AS p ON p.id = i.profile_id"
            " WHERE t.household_id = %s AND i.profile_id > %s"
            " GROUP BY i.profile_id, p.uid ORDER BY i.profile_id LIMIT %s",
            [household, after, limit],
        )
    ]


def places(profile: int) -> list[Place]:
    """Return the households of a profile, the one that was confirmed last first."""
    rows = fetch(
        "SELECT t.household_id, MIN(t.first_at), MAX(t.last_at), SUM(t.count) FROM identity_identifier AS i"
        " JOIN identity_householdtie AS t ON t.owner_id = i.id WHERE i.profile_id = %s AND NOT i.forgotten"
        " GROUP BY t.household_id ORDER BY 3 DESC, 1",
        [profile],
    )
    found = Household.objects.in_bulk([row for row, *_ in rows])
    known = {one.row: one for one in homes(list(found.values()))}
    return [Place(known[row], first, last, int(times)) for row, first, last, times in rows]
