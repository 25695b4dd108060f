"""What rules may know of people, with the ORM: each table read once per batch, or once per person."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from benchmarks.orm.rows import Keeper, instant, maybe
from identity.privacy import vault
from identity.privacy.models import Consent, VaultEntry
from identity.privacy.types import ADDRESS
from identity.profiles.models import Identifier as IdentifierRow
from identity.profiles.models import OrderTotal, Profile, Seen, Trait
from identity.profiles.types import Facts
from identity.touchpoints.types import Identifier

_Rows = dict[Any, list[Any]]


def facts(keep: Keeper, profiles: Collection[int]) -> dict[int, Facts]:
    """Return the facts of these profiles."""
    uids = {row.pk: row.uid for row in keep.find(Profile, "pk", profiles)}
    owners: dict[int, list[IdentifierRow]] = defaultdict(list)
    for row in keep.find(IdentifierRow, "profile_id", profiles):
        owners[row.profile_id].append(row)
    everybody = [row for mine in owners.values() for row in mine]
    ids, keys = [row.pk for row in everybody], [row.key for row in everybody]
    traits = _by(keep.find(Trait, "owner_id", ids), "owner_id")
    seen = _by(keep.find(Seen, "pk", ids), "owner_id")
    totals = _by(keep.find(OrderTotal, "owner_id", ids), "owner_id")
    consent = _by(keep.find(Consent, "identifier", keys), "identifier")
    clear = _by(keep.find(VaultEntry, "identifier", keys, field=vault.VALUE), "identifier")
    return {
        profile: _facts(profile, uids[profile], mine, (traits, seen, totals, consent, clear))
        for profile, mine in owners.items()
    }


def _by(rows: Iterable[Any], field: str) -> _Rows:
    found: _Rows = defaultdict(list)
    for row in rows:
        found[getattr(row, field)].append(row)
    return found


def _facts(
    profile: int,
    uid: str,
    mine: list[IdentifierRow],
    tables: tuple[_Rows, _Rows, _Rows, _Rows, _Rows],
) -> Facts:
    traits, seen, totals, consent, clear = tables
    mine.sort(key=lambda row: (row.kind == "household", row.priority, row.namespace, row.key))
    spans = [span for row in mine for span in seen.get(row.pk, ())]
    accounts = [account for row in mine for account in totals.get(row.pk, ())]
    revenue: dict[str, int] = defaultdict(int)
    for account in accounts:
        revenue[account.currency] += account.revenue
    return Facts(
        profile=profile,
        uid=uid,
        owners=tuple(row.pk for row in mine),
        strongest=mine[0].pk,
        anonymous=mine[0].kind != "person",
        traits=_traits(trait for row in mine for trait in traits.get(row.pk, ())),
        consent=_consent(word for row in mine for word in consent.get(row.key, ())),
        addresses=_addresses(mine, clear),
        first_seen=min((instant(span.first_at) for span in spans), default=0),
        last_seen=max((maybe(span.last_at) or 0 for span in spans), default=0),
        orders=sum(account.orders for account in accounts),
        revenue=dict(revenue),
    )


def _traits(rows: Iterable[Trait]) -> dict[str, Any]:
    newest = sorted(rows, key=lambda row: (row.at, row.received_at, row.touchpoint))
    return {row.name: msgspec.json.decode(row.value) for row in newest}


def _consent(rows: Iterable[Consent]) -> dict[tuple[str, str], bool]:
    newest = sorted(rows, key=lambda row: (row.at, row.received_at, row.touchpoint))
    return {(row.purpose, row.channel): row.granted for row in newest}


def _addresses(mine: list[IdentifierRow], clear: _Rows) -> dict[str, tuple[int, Identifier]]:
    addresses: dict[str, tuple[int, Identifier]] = {}
    known = [(row.at, entry) for entry in mine for row in clear.get(entry.key, ())]
    for _, entry in sorted(known, key=lambda each: (each[0], each[1].key)):
        for channel, namespace in ADDRESS.items():
            if namespace == entry.namespace:
                addresses[channel] = (entry.pk, Identifier.of(entry.key))
    return addresses
