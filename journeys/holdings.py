"""What this floor holds about a person, and how it forgets."""

from collections import Counter

from identity.privacy import holdings
from identity.privacy.holdings import Holding, Subject, Whose
from journeys.enrolments.models import Enrolment, Sighting, Slot, Step

_ENROLMENTS = Holding(Enrolment, "owner_id", Whose.OWNER)

HOLDINGS = (
    Holding(Step, "enrolment_id", _ENROLMENTS),
    _ENROLMENTS,
    Holding(Slot, "owner_id", Whose.OWNER),
    Holding(Sighting, "owner_id", Whose.OWNER),
)


def erase(person: Subject, limit: int) -> Counter[str]:
    """Forget up to `limit` rows of a person; return how many of which table. In the caller's transaction."""
    return holdings.erase_all(HOLDINGS, person, limit)
