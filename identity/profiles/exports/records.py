"""What an export says of a profile. Block by block, a fixed number of statements each, so that memory does not grow with the people."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from identity import clock
from identity.clock import Instant
from identity.privacy import erasures, vault
from identity.profiles import facts, rendering
from identity.profiles.facts import Owner
from identity.profiles.types import Facts
from identity.sql import fetch

BLOCK = 500  # profiles read at once

Record = dict[str, Any]
Whose = Callable[
    [int, int], Sequence[int]
]  # (after, limit) -> row ids of profiles above `after`, rising

COLUMNS = (
    "id", "first_seen", "last_seen", "time_zone", "identifiers", "traits", "consent", "suppressed", "orders", "revenue",
)  # fmt: skip
PERSONAL = "personal"  # the column of clear personal data


@dataclass(frozen=True, slots=True)
class Reveal:
    """Who wants to see clear personal data, and why; each value is an entry of the vault's access log."""

    actor: str
    why: str
    clock: Callable[[], Instant] = clock.now


def everybody(after: int, limit: int) -> Sequence[int]:
    """Return the profiles that have an identifier."""
    rows = fetch(
        "SELECT DISTINCT profile_id FROM identity_identifier WHERE profile_id > %s AND NOT forgotten"
        " ORDER BY profile_id LIMIT %s",
        [after, limit],
    )
    return [row[0] for row in rows]


def blocks(
    whose: Whose = everybody, *, reveal: Reveal | None = None, size: int = BLOCK
) -> Iterator[list[Record]]:
    """Yield the records of these profiles, in the order of their row ids.

    Personal data is left out without `reveal`. A profile that loses its identifiers meanwhile (a merge) is left out too, as is whoever
    is being erased. That is asked before a block is read: whose erasure begins afterwards is taken out of the file where it is written.
    """
    after = 0
    while True:
        leaving = erasures.leaving()
        profiles = whose(after, size)
        if not profiles:
            return
        after = profiles[-1]
        yield _block(profiles, leaving, reveal)


def _block(
    profiles: Sequence[int], leaving: erasures.Leaving, reveal: Reveal | None
) -> list[Record]:
    known = facts.of(profiles)
    owners = facts.owners_of(profiles)
    together = [
        one
        for one in profiles
        if one in known and one in owners and not _leaves(owners[one], leaving)
    ]
    records = [_record(known[one], owners[one]) for one in together]
    if reveal is not None:
        personal = _personal({one: owners[one] for one in together}, reveal)
        for profile, record in zip(together, records, strict=True):
            record[PERSONAL] = personal[profile]
    return records


def _leaves(owners: Sequence[Owner], leaving: erasures.Leaving) -> bool:
    return any(owner.key in leaving.keys or owner.uid in leaving.uids for owner in owners)


def _record(one: Facts, owners: Sequence[Owner]) -> Record:
    consent: dict[str, dict[str, bool]] = defaultdict(dict)
    for (purpose, channel), granted in sorted(one.consent.items()):
        consent[purpose][channel] = granted
    return {
        "id": one.uid,
        "first_seen": rendering.time(one.first_seen),
        "last_seen": rendering.time(one.last_seen),
        "time_zone": one.time_zone,
        "identifiers": [owner.key for owner in owners],
        "traits": dict(sorted(one.traits.items())),
        "consent": consent,
        "suppressed": sorted(one.suppressed),
        "orders": one.orders,
        "revenue": rendering.revenue(one.revenue),
    }


def _personal(owners: dict[int, list[Owner]], reveal: Reveal) -> dict[int, list[dict[str, str]]]:
    """Open what the vault holds of these people. The log is committed before anybody sees a value."""
    whose = {owner.key: profile for profile, mine in owners.items() for owner in mine}
    held = [field[:2] for field in vault.fields(whose)]
    with transaction.atomic():
        clear = vault.reveal(held, actor=reveal.actor, why=reveal.why, now=reveal.clock())
    found: dict[int, list[dict[str, str]]] = {profile: [] for profile in owners}
    for (key, field), value in sorted(clear.items()):
        found[whose[key]].append({"identifier": key, "field": field, "value": value})
    return found
