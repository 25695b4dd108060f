"""Reads the accounts of people: all contacts of all owners of a profile, so that merges add them up and splits give them back."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from activation.pressure import windows
from activation.pressure.policy import Account, Rulebook
from activation.pressure.types import Contact, PersonCap
from identity.clock import DAY, Instant
from identity.sql import Rows, fetch


def load(profiles: Collection[int], book: Rulebook, since: Instant) -> dict[int, Account]:
    """Read the accounts of these profiles as far back as any window reaches from `since`; four statements."""
    owners = _owners(profiles)
    caps = _caps(owners, since)
    reaches = [windows.reach(policy.window) for policy in book.policies]
    reaches += [cap.window for found in caps.values() for cap in found]
    contacts = _contacts(owners, since - max(reaches, default=DAY))
    audiences = _audiences(profiles)
    return {
        profile: Account(
            contacts=contacts.get(profile, []),
            audiences=frozenset(audiences.get(profile, ())),
            caps=caps.get(profile, []),
        )
        for profile in profiles
    }


def holding(profile: int, now: Instant) -> list[PersonCap]:
    """Return the caps of one profile's own that hold now, as every decision reads them."""
    return _caps(_owners([profile]), now).get(profile, [])


def _owners(profiles: Iterable[int]) -> dict[int, int]:
    rows = Rows("people", profile="bigint")
    return dict(
        fetch(
            f"SELECT i.id, i.profile_id FROM {rows}"
            " JOIN identity_identifier AS i ON i.profile_id = people.profile",
            rows.of((profile,) for profile in profiles),
        )
    )


def _contacts(owners: Mapping[int, int], since: Instant) -> dict[int, list[Contact]]:
    rows = Rows("owners", owner="bigint", profile="bigint")
    found: dict[int, list[Contact]] = defaultdict(list)
    for profile, *contact in fetch(
        "SELECT owners.profile, l.effective_at, l.channel, l.message_class, l.journey, l.points"
        f" FROM {rows} JOIN activation_ledgerrow AS l ON l.owner_id = owners.owner"
        " WHERE l.effective_at > %s AND l.status <> 'released' AND l.counts = %s",
        [*rows.of(owners.items()), since, True],
    ):
        found[profile].append(Contact(*contact))
    return found


def _caps(owners: Mapping[int, int], since: Instant) -> dict[int, list[PersonCap]]:
    """Return the caps that hold: per person and channel the last word, whichever of their identifiers it was given under.

    It is found on reading, so that a merge changes no cap and a split gives them back.
    """
    rows = Rows("owners", owner="bigint", profile="bigint")
    last: dict[tuple[int, str], tuple[Instant, list[PersonCap]]] = {}
    for profile, changed_at, *cap in fetch(
        'SELECT owners.profile, c.changed_at, c.owner_id, c.channel, c."limit", c."window", c.until, c.origin'
        f" FROM {rows} JOIN activation_personcap AS c ON c.owner_id = owners.owner ORDER BY c.id",
        rows.of(owners.items()),
    ):
        found = PersonCap(*cap)
        spot = profile, found.channel
        at, held = last.get(spot, (changed_at, []))
        if changed_at >= at:
            last[spot] = changed_at, [*(held if changed_at == at else ()), found]
    caps: dict[int, list[PersonCap]] = defaultdict(list)
    for (profile, _), (_, held) in last.items():
        caps[profile] += [one for one in held if one.until > since]
    return caps


def _audiences(profiles: Iterable[int]) -> dict[int, list[int]]:
    rows = Rows("people", profile="bigint")
    found: dict[int, list[int]] = defaultdict(list)
    for profile, audience in fetch(
        f"SELECT m.profile_id, m.audience_id FROM {rows}"
        " JOIN activation_membership AS m ON m.profile_id = people.profile",
        rows.of((profile,) for profile in profiles),
    ):
        found[profile].append(audience)
    return found
