"""What rules, journeys and senders may know of a profile: the sum over the owner identifiers that it has at this moment.

Six statements, whatever the number of profiles.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar
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

PUSH = (
    "push"  # its addresses are tokens, which are not in the vault: the newest identifier came last
)
_CHANNELS = {
    namespace: tuple(channel for channel, its in ADDRESS.items() if its == namespace)
    for namespace in ADDRESS.values()
}
T = TypeVar("T")
_decode = msgspec.json.Decoder().decode


class Owner(NamedTuple):
    """An identifier of a profile. `known_at`: when its clear value was last given, None when the vault holds none."""

    profile: int
    uid: str
    id: int
    key: str
    namespace: str
    kind: str
    priority: int
    first_number: int
    first_at: Instant | None
    last_at: Instant | None
    known_at: Instant | None


def load(people: Mapping[int, Person]) -> dict[int, Facts]:
    """Return the facts of these people, by row id of the profile."""
    return of(people)


def of(profile_ids: Collection[int]) -> dict[int, Facts]:
    """Return the facts of the profiles with these row ids; one that lost all its identifiers is left out."""
    owners = owners_of(profile_ids)
    everybody = [owner for mine in owners.values() for owner in mine]
    if not everybody:
        return {}
    gathered = _Gathered(everybody)
    return {profile: gathered.facts(profile, mine) for profile, mine in owners.items()}


def owners_of(profile_ids: Collection[int]) -> dict[int, list[Owner]]:
    """Return the identifiers of each profile, the strongest first; profiles in the order of their row ids.

    Whoever goes through them stores in that order, and messages leave in the order in which they were stored: it must not
    depend on how a database joins.
    """
    rows = Rows("wanted", profile="bigint")
    owners: dict[int, list[Owner]] = defaultdict(list)
    for row in fetch(
        "SELECT p.id, p.uid, i.id, i.key, i.namespace, i.kind, i.priority, i.first_number,"
        f" s.first_at, s.last_at, v.at FROM {rows}"
        " JOIN identity_profile AS p ON p.id = wanted.profile"
        " JOIN identity_identifier AS i ON i.profile_id = p.id AND NOT i.forgotten"
        " LEFT JOIN identity_seen AS s ON s.owner_id = i.id"
        " LEFT JOIN identity_vaultentry AS v ON v.identifier = i.key AND v.field = %s",
        [*rows.of((profile,) for profile in sorted(set(profile_ids))), vault.VALUE],
    ):
        owners[row[0]].append(Owner(*row))
    return {profile: sorted(owners[profile], key=rank) for profile in sorted(owners)}


def rank(owner: Owner) -> tuple[int, int, str, str]:
    """Sort by strength; a household's identifier stands for nobody in it."""
    return (int(owner.kind == "household"), owner.priority, owner.namespace, owner.key)


class _Gathered:
    """What the tables say of a batch's owners, each table read once."""

    def __init__(self, owners: Collection[Owner]) -> None:
        profiles = {owner.id: owner.profile for owner in owners}
        self._traits = _traits(profiles)
        self._consent = _consent(owners)
        self._barred = _barred(owners)
        self._accounts = accounts.of_owners(profiles)

    def facts(self, profile: int, owners: list[Owner]) -> Facts:
        strongest = owners[0]
        traits = self._traits.get(profile, {})
        account = self._accounts.get(profile)
        return Facts(
            profile=profile,
            uid=strongest.uid,
            owners=tuple([owner.id for owner in owners]),
            strongest=strongest.id,
            anonymous=strongest.kind != "person",
            traits=traits,
            consent=self._consent.get(profile, {}),
            suppressed=self._suppressed(owners),
            addresses=self._addresses(owners),
            time_zone=_zone(traits.get(TIME_ZONE)),
            first_seen=min(
                (owner.first_at for owner in owners if owner.first_at is not None), default=0
            ),
            last_seen=max(owner.last_at or 0 for owner in owners),
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
            if not (reason == Reason.BOUNCED and ADDRESS.get(channel) == owner.namespace)
        )

    def _addresses(self, owners: list[Owner]) -> dict[str, tuple[int, Identifier]]:
        newest: dict[str, tuple[Instant, str, Owner]] = {}
        for owner in owners:
            for channel in _CHANNELS.get(owner.namespace, ()):
                given = owner.first_number if channel == PUSH else owner.known_at
                if given is not None and not self._closed(owner, channel):
                    found = given, owner.key, owner
                    newest[channel] = max(newest.get(channel, found), found)
        return {name: (one.id, Identifier.of(one.key)) for name, (_, _, one) in newest.items()}

    def _closed(self, owner: Owner, channel: str) -> bool:
        return any(closed in {channel, EVERY} for closed, _ in self._barred.get(owner.id, ()))


def _traits(profiles: Mapping[int, int]) -> dict[int, dict[str, Any]]:
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
        rows.of((owner.profile, owner.key) for owner in owners),
    ):
        words, moment = newest[profile], tuple(said)
        if (purpose, channel) not in words or words[purpose, channel][0] < moment:
            words[purpose, channel] = moment, bool(granted)
    return {profile: in_force(words) for profile, words in newest.items()}


def in_force(
    words: Mapping[tuple[str, str], tuple[tuple[Any, ...], T]],
) -> dict[tuple[str, str], T]:
    """Return, of the newest word on each purpose and channel with its moment, those that no later word on every channel ended."""
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
        [*rows.of((owner.id, owner.key) for owner in owners), True],
    ):
        barred[owner].append((channel, reason))
    return barred


@lru_cache(maxsize=1)
def _zones() -> set[str]:
    return available_timezones()


def _zone(name: Any) -> str:
    return name if isinstance(name, str) and name in _zones() else ""
