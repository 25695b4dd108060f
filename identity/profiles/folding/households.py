"""Who belongs to which household, per owner identifier: a merge or a split moves nothing here either."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from identity.clock import Instant
from identity.graph.policy import Policy
from identity.profiles.assignment import uids_of
from identity.profiles.types import Arrival
from identity.sql import Rows, execute
from identity.touchpoints.types import Identifier


class _Tie(NamedTuple):
    household: Identifier
    owner: int
    source: int


def fold(arrivals: Sequence[Arrival], now: Instant, policy: Policy) -> None:
    """Count what the batch says about households; two statements, none when it says nothing."""
    said: dict[_Tie, tuple[Instant, Instant, int]] = {}
    for arrival in arrivals:
        touchpoint = arrival.touchpoint
        for identifier in filter(policy.is_household, touchpoint.identifiers):
            tie = _Tie(identifier, arrival.owner, touchpoint.source)
            first, last, count = said.get(tie, (touchpoint.at, touchpoint.at, 0))
            said[tie] = min(first, touchpoint.at), max(last, touchpoint.at), count + 1
    if said:
        _make(sorted({tie.household for tie in said}), now)
        _store(said)


def forget(source: int, identifiers: Collection[Identifier]) -> None:
    """Take back what a source said about these and their households; found by the owner, with whom the key of a tie begins."""
    given = Rows("given", key="text")
    execute(
        "DELETE FROM identity_householdtie WHERE source = %s AND owner_id IN (SELECT i.id"
        f" FROM {given} JOIN identity_identifier AS i ON i.key = given.key)",
        [source, *given.of((each.key,) for each in identifiers)],
    )


def _make(households: Sequence[Identifier], now: Instant) -> None:
    """Store the households that came up for the first time."""
    rows = Rows("given", uid="text", key="text")
    execute(
        "INSERT INTO identity_household (uid, key, created_at)"
        f" SELECT uid, given.key, %s FROM {rows} WHERE NOT EXISTS"
        " (SELECT 1 FROM identity_household AS known WHERE known.key = given.key)",
        [now, *rows.of(zip(uids_of(households), (one.key for one in households), strict=True))],
    )


def _store(said: dict[_Tie, tuple[Instant, Instant, int]]) -> None:
    rows = Rows(
        "said",
        household="text",
        owner="bigint",
        source="bigint",
        first_at="bigint",
        last_at="bigint",
        count="bigint",
    )
    known = "identity_householdtie"
    execute(
        f"INSERT INTO {known} (household_id, owner_id, source, first_at, last_at, count)"
        f" SELECT h.id, said.owner, said.source, said.first_at, said.last_at, said.count FROM {rows}"
        " JOIN identity_household AS h ON h.key = said.household WHERE true"
        " ON CONFLICT (owner_id, household_id, source) DO UPDATE SET"
        f" count = {known}.count + excluded.count,"
        f" first_at = CASE WHEN excluded.first_at < {known}.first_at"
        f" THEN excluded.first_at ELSE {known}.first_at END,"
        f" last_at = CASE WHEN excluded.last_at > {known}.last_at"
        f" THEN excluded.last_at ELSE {known}.last_at END",
        rows.of((tie.household.key, *tie[1:], *span) for tie, span in said.items()),
    )
