"""What rules, journeys and senders may know of a profile: the sum over the owner identifiers that it has at this moment.

Nine statements, whatever the number of profiles.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import available_timezones

import msgspec

from identity.clock import Instant
from identity.privacy import vault
from identity.privacy.types import ADDRESS, EVERY, Reason
from identity.profiles import accounts
from identity.profiles.folding.traits import TIME_ZONE
from identity.profiles.types import Facts, Person
from identity.sql import Rows, fetch
from identity.touchpoints.types import Identifier

_decode = msgspec.json.Decoder().decode


class Owner(NamedTuple):
    """An identifier of a profile, as its table has it."""

    profile: int
    uid: str
    id: int
    identifier: Identifier
    kind: str
    priority: int
    first_number: int

    @property
    def rank(self) -> tuple[bool, int, str, str]:
        """Sort key: the strongest first; a household's identifier stands for nobody in it."""
        return (self.kind == "household", self.priority, *self.identifier)


def load(people: Mapping[int, Person]) -> dict[int, Facts]:
    """Return the facts of these people, by row id of the profile."""
    return of(people)


def of(profile_ids: Collection[int]) -> dict[int, Facts]:
    """Return the facts of the profiles with these row ids; one that lost all its identifiers is left out."""
    owners = of_profiles(profile_ids)
    everybody = [owner for mine in owners.values() for owner in mine]
    if not everybody:
        return {}
    gathered = _Gathered(everybody)
    return {profile: gathered.facts(profile, mine) for profile, mine in owners.items()}


def of_profiles(profile_ids: Collection[int]) -> dict[int, list[Owner]]:
    """Return the identifiers of each profile, the strongest first."""
    rows = Rows("wanted", profile="bigint")
    owners: dict[int, list[Owner]] = defaultdict(list)
    for profile, uid, row, key, kind, priority, first_number in fetch(
        "SELECT p.id, p.uid, i.id, i.key, i.kind, i.priority, i.first_number"
        f" FROM {rows} JOIN identity_profile AS p ON p.id = wanted.profile"
        " JOIN identity_identifier AS i ON i.profile_id = p.id",
        rows.of((profile,) for profile in sorted(set(profile_ids))),
    ):
        owners[profile].append(
            Owner(profile, uid, row, Identifier.of(key), kind, priority, first_number)
        )
    return {
        profile: sorted(mine, key=lambda owner: owner.rank) for profile, mine in owners.items()
    }


class _Gathered:
    """What the tables say of a batch's owners, each table read once."""

    def __init__(self, owners: Collection[Owner]) -> None:
        self._traits = _traits(owners)
        self._consent = _consent(owners)
        self._barred = _barred(owners)
        self._seen = _seen(owners)
        self._known = _known(owners)
        self._accounts = accounts.of_owners({owner.id: owner.profile for owner in owners})

    def facts(self, profile: int, owners: list[Owner]) -> Facts:
        strongest = owners[0]
        traits = self._traits.get(profile, {})
        first, last = self._seen.get(profile, (0, 0))
        account = self._accounts.get(profile)
        return Facts(
            profile=profile,
            uid=str(UUID(str(strongest.uid))),
            owners=tuple(owner.id for owner in owners),
            strongest=strongest.id,
            anonymous=strongest.kind != "person",
            traits=traits,
            consent=self._consent.get(profile, {}),
            suppressed=self._suppressed(owners),
            addresses=self._addresses(owners),
            time_zone=_zone(traits.get(TIME_ZONE)),
            first_seen=first,
            last_seen=last,
            orders=account.orders if account else 0,
            revenue=dict(account.revenue) if account else {},
        )

    def _suppressed(self, owners: Iterable[Owner]) -> frozenset[str]:
        """Return the channels that are closed for the person; a bounce closes an address only."""
        if not self._barred:
            return frozenset()
        return frozenset(
            channel
            for owner in owners
            for channel, reason in self._barred.get(owner.id, ())
            if not (reason == Reason.BOUNCED and _is_address(owner, channel))
        )

    def _addresses(self, owners: list[Owner]) -> dict[str, tuple[int, Identifier]]:
        found = {"webhook": (owners[0].id, owners[0].identifier)}
        for channel, namespace in ADDRESS.items():
            usable = [
                (when, owner)
                for owner in owners
                if owner.identifier.namespace == namespace
                and (when := self._usable(owner, channel)) is not None
            ]
            if usable:
                newest = max(usable, key=lambda one: (one[0], one[1].identifier))[1]
                found[channel] = newest.id, newest.identifier
        return found

    def _usable(self, owner: Owner, channel: str) -> Instant | None:
        """Return when the address was last given; None for one that the vault does not hold or that must not be used."""
        closed = {barred for barred, _ in self._barred.get(owner.id, ())}
        if closed & {channel, EVERY}:
            return None
        if owner.identifier.namespace == ADDRESS["push"]:
            return owner.first_number  # tokens are not in the vault; the newest one came last
        return self._known.get(owner.id)


def _is_address(owner: Owner, channel: str) -> bool:
    return owner.identifier.namespace == ADDRESS.get(channel)


def _traits(owners: Iterable[Owner]) -> dict[int, dict[str, Any]]:
    profiles = {owner.id: owner.profile for owner in owners}
    rows = Rows("owners", owner="bigint")
    newest: dict[tuple[int, str], tuple[tuple[Any, ...], str]] = {}
    for owner, name, value, *said in fetch(
        "SELECT t.owner_id, t.name, t.value, t.at, t.received_at, t.touchpoint"
        f" FROM {rows} JOIN identity_trait AS t ON t.owner_id = owners.owner",
        rows.of((owner,) for owner in profiles),
    ):
        place, moment = (profiles[owner], name), tuple(said)
        if place not in newest or newest[place][0] < moment:
            newest[place] = moment, value
    traits: dict[int, dict[str, Any]] = defaultdict(dict)
    for (profile, name), (_, value) in newest.items():
        if value != "null":
            traits[profile][name] = _decode(value)
    return traits


def _consent(owners: Iterable[Owner]) -> dict[int, dict[tuple[str, str], bool]]:
    """Return the newest word on each purpose and channel; a newer word on every channel ("*") ends older ones on one."""
    rows = Rows("owners", profile="bigint", key="text")
    newest: dict[int, dict[tuple[str, str], tuple[tuple[Any, ...], bool]]] = defaultdict(dict)
    for profile, purpose, channel, granted, *said in fetch(
        "SELECT owners.profile, c.purpose, c.channel, c.granted, c.at, c.received_at, c.touchpoint"
        f" FROM {rows} JOIN identity_consent AS c ON c.identifier = owners.key",
        _by_key(rows, owners),
    ):
        words, moment = newest[profile], tuple(said)
        if (purpose, channel) not in words or words[purpose, channel][0] < moment:
            words[purpose, channel] = moment, bool(granted)
    return {profile: _in_force(words) for profile, words in newest.items()}


def _in_force(
    words: Mapping[tuple[str, str], tuple[tuple[Any, ...], bool]],
) -> dict[tuple[str, str], bool]:
    return {
        (purpose, channel): granted
        for (purpose, channel), (moment, granted) in words.items()
        if (purpose, EVERY) not in words or moment >= words[purpose, EVERY][0]
    }


def _barred(owners: Iterable[Owner]) -> dict[int, list[tuple[str, str]]]:
    """Return (channel, reason) for each owner with closed channels."""
    rows = Rows("owners", owner="bigint", key="text")
    barred: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for owner, channel, reason in fetch(
        f"SELECT owners.owner, s.channel, s.reason FROM {rows}"
        " JOIN identity_suppression AS s ON s.identifier = owners.key WHERE s.active = %s",
        [*rows.of((owner.id, owner.identifier.key) for owner in owners), True],
    ):
        barred[owner].append((channel, reason))
    return barred


def _seen(owners: Iterable[Owner]) -> dict[int, tuple[Instant, Instant]]:
    profiles = {owner.id: owner.profile for owner in owners}
    rows = Rows("owners", owner="bigint")
    spans: dict[int, tuple[Instant, Instant]] = {}
    for owner, first, last in fetch(
        "SELECT s.owner_id, s.first_at, s.last_at"
        f" FROM {rows} JOIN identity_seen AS s ON s.owner_id = owners.owner",
        rows.of((owner,) for owner in profiles),
    ):
        known = spans.get(profiles[owner], (first, 0))
        spans[profiles[owner]] = min(known[0], first), max(known[1], last or 0)
    return spans


def _known(owners: Iterable[Owner]) -> dict[int, Instant]:
    """Return when the clear value of each address was last given."""
    rows = Rows("owners", owner="bigint", key="text")
    addresses = set(ADDRESS.values())
    found = fetch(
        f"SELECT owners.owner, v.at FROM {rows}"
        " JOIN identity_vaultentry AS v ON v.identifier = owners.key AND v.field = %s",
        [
            *rows.of(
                (owner.id, owner.identifier.key)
                for owner in owners
                if owner.identifier.namespace in addresses
            ),
            vault.VALUE,
        ],
    )
    return dict(found)


def _by_key(rows: Rows, owners: Iterable[Owner]) -> list[Any]:
    return rows.of((owner.profile, owner.identifier.key) for owner in owners)


@lru_cache(maxsize=1)
def _zones() -> set[str]:
    return available_timezones()


def _zone(name: Any) -> str:
    return name if isinstance(name, str) and name in _zones() else ""
