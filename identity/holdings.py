"""What this floor holds about a person, and how it forgets: the graph apart, which has its own door (identity.graph.port)."""

from collections import Counter
from collections.abc import Collection

from identity.privacy import holdings
from identity.privacy.holdings import Holding, Subject, Whose
from identity.privacy.models import AuditEntry, Consent, Suppression, VaultAccess, VaultEntry
from identity.profiles import crowds
from identity.profiles.households import erasing as households
from identity.profiles.models import (
    ContactCount,
    Decision,
    HouseholdTie,
    Identifier,
    Order,
    OrderTotal,
    Passage,
    Profile,
    ProfileMove,
    Seen,
    Trait,
    Unshown,
    Visit,
)
from identity.sql import Rows, fetch

HOLDINGS = (
    Holding(Unshown, "identifier_id", Whose.OWNER, told=False),
    Holding(Trait, "owner_id", Whose.OWNER),
    Holding(ContactCount, "owner_id", Whose.OWNER),
    Holding(Seen, "owner_id", Whose.OWNER),
    Holding(Visit, "owner_id", Whose.OWNER),
    Holding(Order, "owner_id", Whose.OWNER),
    Holding(OrderTotal, "owner_id", Whose.OWNER),
    Holding(HouseholdTie, "owner_id", Whose.OWNER),
    Holding(Passage, "identifier_id", Whose.OWNER),
    Holding(ProfileMove, "origin_id", Whose.PROFILE),
    Holding(ProfileMove, "target_id", Whose.PROFILE),
    Holding(Decision, "a", Whose.KEY),
    Holding(Decision, "b", Whose.KEY),
    Holding(Consent, "identifier", Whose.KEY),
    Holding(Suppression, "identifier", Whose.KEY),
    Holding(VaultEntry, "identifier", Whose.KEY, hidden=("sealed",)),
    # Who looked, who changed what and who had a bundle is kept, about whom is not.
    Holding(VaultAccess, "identifier", Whose.KEY, blank={"identifier": ""}),
    Holding(
        AuditEntry,
        "object",
        Whose.KEY,
        blank={"object": "identifier"},
        prefix="identifier:",
        longest=200,
    ),
    Holding(
        AuditEntry,
        "object",
        Whose.PROFILE,
        blank={"object": "identity.profile"},
        prefix="identity.profile:",
        longest=200,
    ),
)
# What all the others hang on: it goes last.
THEMSELVES = (
    Holding(Identifier, "id", Whose.OWNER),
    Holding(Profile, "id", Whose.PROFILE),
)


def subject(keys: Collection[str], uids: Collection[str]) -> Subject:
    """Return the person of these identifiers, to whom profiles of these ids belong, as rows name them."""
    named, known = Rows("named", key="text"), Rows("known", uid="text")
    owners = fetch(
        f"SELECT i.id FROM {named} JOIN identity_identifier AS i ON i.key = named.key",
        named.of((key,) for key in sorted(keys)),
    )
    profiles = fetch(
        f"SELECT p.id FROM {known} JOIN identity_profile AS p ON p.uid = known.uid",
        known.of((uid,) for uid in sorted(uids)),
    )
    return Subject(keys, [row for (row,) in owners], [row for (row,) in profiles])


def erase(person: Subject, limit: int) -> Counter[str]:
    """Forget up to `limit` rows of a person, and the households in which nobody else is; return how many of which table.

    In the caller's transaction.
    """
    return households.erase(person) + holdings.erase_all(HOLDINGS, person, limit)


def end(person: Subject) -> Counter[str]:
    """Delete the identifiers, and the profiles that nobody has any more; nothing else hangs on them. In the caller's transaction."""
    identifiers, profiles = THEMSELVES
    found = Counter({identifiers.name: holdings.erase(identifiers, person, len(person.owners))})
    empty = Subject(profiles=_left_empty(person.profiles))
    found[profiles.name] += holdings.erase(profiles, empty, len(empty.profiles))
    crowds.drop_empty()
    return +found


def _left_empty(profiles: Collection[int]) -> list[int]:
    given = Rows("given", id="bigint")
    rows = fetch(
        f"SELECT given.id FROM {given}"
        " WHERE NOT EXISTS (SELECT 1 FROM identity_identifier AS i WHERE i.profile_id = given.id)",
        given.of((each,) for each in profiles),
    )
    return [row for (row,) in rows]
