"""How much of everything there is, over all profiles."""

from collections.abc import Sequence
from dataclasses import dataclass

from identity.profiles import accounts
from identity.profiles.accounts import Account
from identity.sql import fetch
from identity.touchpoints.types import Direction


@dataclass(frozen=True, slots=True)
class Happened:
    """How many touchpoints of one event there were."""

    event: str
    direction: str
    channel: str
    count: int


@dataclass(frozen=True, slots=True)
class Totals:
    """`profiles`: those with an identifier. `contacts`: what the brand sent or showed. `events`: the most frequent first."""

    profiles: int
    identifiers: int
    account: Account
    contacts: int
    visits: int
    events: Sequence[Happened]

    def of(self, event: str) -> int:
        """Return how often an event happened."""
        return sum(one.count for one in self.events if one.event == event)


def totals() -> Totals:
    """Count everything; each number is one statement over the counters, none over touchpoints."""
    ((profiles, identifiers),) = fetch(
        "SELECT COUNT(DISTINCT profile_id), COUNT(*) FROM identity_identifier WHERE NOT forgotten"
    )
    ((visits,),) = fetch("SELECT COUNT(*) FROM identity_visit")
    events = [
        Happened(event, direction, channel, int(count))
        for event, direction, channel, count in fetch(
            "SELECT event, direction, channel, SUM(count) FROM identity_contactcount"
            " GROUP BY event, direction, channel ORDER BY 4 DESC, 1, 2, 3"
        )
    ]
    return Totals(
        profiles=profiles,
        identifiers=identifiers,
        account=accounts.of_all(),
        contacts=sum(one.count for one in events if one.direction == Direction.OUTBOUND),
        visits=visits,
        events=events,
    )
