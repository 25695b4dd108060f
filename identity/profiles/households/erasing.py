"""Households in which nobody else lives go with the person who is erased, with what the vault holds of their names."""

from collections import Counter

from identity.privacy.holdings import Subject
from identity.privacy.models import VaultEntry
from identity.profiles.models import Household, HouseholdTie
from identity.sql import Rows, fetch


def erase(person: Subject) -> Counter[str]:
    """Delete the households of this person, and those among their keys, in which there is nobody else; return how many rows of which table.

    A household that only a forgotten source knew people of has nobody at all.
    """
    theirs, named = Rows("theirs", owner="bigint"), Rows("named", key="text")
    mine = Rows("mine", owner="bigint")
    owners = [(each,) for each in person.owners]
    found = fetch(
        "SELECT h.id, h.key FROM ("
        f"SELECT t.household_id AS id FROM {theirs}"
        " JOIN identity_householdtie AS t ON t.owner_id = theirs.owner"
        f" UNION SELECT known.id FROM {named} JOIN identity_household AS known ON known.key = named.key"
        ") AS near JOIN identity_household AS h ON h.id = near.id"
        " WHERE NOT EXISTS (SELECT 1 FROM identity_householdtie AS o WHERE o.household_id = h.id"
        f" AND o.owner_id NOT IN (SELECT owner FROM {mine}))",
        [*theirs.of(owners), *named.of((key,) for key in person.keys), *mine.of(owners)],
    )
    if not found:
        return Counter()
    rows, keys = [row for row, _ in found], [key for _, key in found]
    ties, _ = HouseholdTie.objects.filter(household__in=rows).delete()
    values, _ = VaultEntry.objects.filter(identifier__in=keys).delete()
    homes, _ = Household.objects.filter(pk__in=rows).delete()
    counts = {HouseholdTie: ties, VaultEntry: values, Household: homes}
    return +Counter({model._meta.label_lower: count for model, count in counts.items()})  # noqa: SLF001
