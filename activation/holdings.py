"""What this floor holds about a person, and how it forgets."""

from collections import Counter

from activation.audiences import membership_rows
from activation.audiences.models import (
    ManualMember,
    Match,
    Membership,
    MembershipLog,
    Recheck,
    Replay,
)
from activation.deliveries import lists
from activation.deliveries.models import Delivery, DeliveryStep, ListEntry, Reaction
from activation.pressure.models import Decision, Intent, LedgerRow, PersonCap
from identity.privacy import holdings
from identity.privacy.holdings import Holding, Subject, Whose

_DELIVERIES = Holding(Delivery, "owner_id", Whose.OWNER)
_MEMBERSHIPS = Holding(Membership, "profile_id", Whose.PROFILE)

HOLDINGS = (
    Holding(DeliveryStep, "delivery_id", _DELIVERIES),
    Holding(Reaction, "delivery_id", _DELIVERIES),
    _DELIVERIES,
    # Of somebody else, sent to an address that is this person's now.
    Holding(Delivery, "address_id", Whose.OWNER, blank={"address_id": None}, told=False),
    Holding(ListEntry, "identifier", Whose.OWNER),
    Holding(LedgerRow, "owner_id", Whose.OWNER),
    Holding(Intent, "owner_id", Whose.OWNER),
    Holding(Decision, "owner_id", Whose.OWNER),
    Holding(PersonCap, "owner_id", Whose.OWNER),
    Holding(ManualMember, "owner_id", Whose.OWNER),
    Holding(Match, "owner_id", Whose.OWNER),
    Holding(MembershipLog, "profile_id", Whose.PROFILE),
    Holding(Recheck, "profile_id", Whose.PROFILE),
    Holding(Replay, "profile_id", Whose.PROFILE),
    _MEMBERSHIPS,
)
_COUNTED = tuple(each for each in HOLDINGS if each is not _MEMBERSHIPS)


def erase(person: Subject, limit: int) -> Counter[str]:
    """Forget up to `limit` rows of a person; return how many of which table. In the caller's transaction."""
    found = Counter({_MEMBERSHIPS.name: membership_rows.forget(person.profiles)})
    return +found + holdings.erase_all(_COUNTED, person, limit)


def told_to(person: Subject) -> list[str]:
    """Return the partner lists ("channel/name") that hold a person: the partners have copies."""
    return lists.holding(person.owners)
