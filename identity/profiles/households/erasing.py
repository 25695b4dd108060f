"""Households in which nobody else lives go with the person who is erased, with what the vault holds of their names."""

from collections import Counter
from collections.abc import Collection

from identity.privacy.models import VaultEntry
from identity.profiles.models import Household, HouseholdTie
from identity.sql import Rows, fetch


def erase(owners: Collection[int]) -> Counter[str]:
    """Delete the households of these owner identifiers in which there is nobody else; return how many rows of which table."""
    theirs, mine = Rows("theirs", owner="bigint"), Rows("mine", owner="bigint")
    given = [(each,) for each in owners]
    found = fetch(
        f"SELECT DISTINCT h.id, h.key FROM {theirs}"
        " JOIN identity_householdtie AS t ON t.owner_id = theirs.owner"
        " JOIN identity_household AS h ON h.id = t.household_id"
        " WHERE NOT EXISTS (SELECT 1 FROM identity_householdtie AS o WHERE o.household_id = t.household_id"
        f" AND o.owner_id NOT IN (SELECT owner FROM {mine}))",
        [*theirs.of(given), *mine.of(given)],
    )
    if not found:
        return Counter()
    rows, keys = [row for row, _ in found], [key for _, key in found]
    ties, _ = HouseholdTie.objects.filter(household__in=rows).delete()
    values, _ = VaultEntry.objects.filter(identifier__in=keys).delete()
    homes, _ = Household.objects.filter(pk__in=rows).delete()
    counts = {HouseholdTie: ties, VaultEntry: values, Household: homes}
    return +Counter({model._meta.label_lower: count for model, count in counts.items()})  # noqa: SLF001
