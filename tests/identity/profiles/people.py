"""Profiles and touchpoints for tests of what hangs on them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from identity.graph.policy import DEFAULT
from identity.profiles import fold
from identity.profiles.models import Identifier as Row
from identity.profiles.models import Profile
from identity.profiles.types import Arrival, Person, Resolved
from identity.touchpoints.types import (
    BatchContext,
    Direction,
    Identifier,
    Mode,
    Touchpoint,
)

T0 = 1_700_000_000_000
CONTEXT = BatchContext(now=T0, horizon=T0, mode=Mode.LIVE, epoch=1)
SPACE = UUID("6a2e1f6c-6c0e-4f8e-9a51-2b8f0a0f4a11")


def profile(*keys: str) -> Profile:
    """Make a profile of these identifiers."""
    made = Profile.objects.create(uid=str(uuid5(SPACE, keys[0])), founder=keys[0], created_at=T0)
    for key in keys:
        identify(made, key)
    return made


def identify(owner: Profile, key: str) -> Row:
    namespace = DEFAULT[Identifier.of(key).namespace]
    return Row.objects.create(
        key=key,
        namespace=namespace.name,
        kind=namespace.kind.value,
        priority=namespace.priority,
        first_number=Row.objects.count() + 1,
        profile=owner,
    )


def touchpoint(
    number: int,
    event: str = "page",
    *,
    of: Sequence[str] = ("user_id:alice",),
    at: int = 0,
    **named: Any,
) -> Touchpoint:
    """Make a touchpoint; `at` is in milliseconds after T0."""
    identifiers = DEFAULT.strongest_first(map(Identifier.of, of))
    kind = event if event in {"page", "identify", "screen"} else "track"
    values: dict[str, Any] = {
        "source": 1,
        "mode": Mode.LIVE,
        "type": kind,
        "received_at": T0 + at,
        "identifiers": identifiers,
        "owner": DEFAULT.owner(identifiers),
    }
    if kind == "page":
        values |= {"direction": Direction.INBOUND, "channel": "site"}
    return Touchpoint(
        **values | {"number": number, "id": f"t{number:04}", "event": event, "at": T0 + at} | named
    )


def resolved(touchpoints: Iterable[Touchpoint]) -> Resolved:
    """Return what stage 2 would: profiles and identifiers as their tables have them."""
    rows = {row.key: row for row in Row.objects.all()}
    arrivals = [
        Arrival(one, rows[one.owner.key].pk, rows[one.owner.key].profile_id)
        for one in touchpoints
        if one.owner is not None
    ]
    people: dict[int, Person] = {}
    for one in {arrival.profile for arrival in arrivals}:
        owners = tuple(row.pk for row in rows.values() if row.profile_id == one)
        people[one] = Person(one, owners)
    known = {owner for person in people.values() for owner in person.owners}
    return Resolved(
        arrivals=arrivals,
        moved=frozenset(),
        people=people,
        identifiers={row.pk: Identifier.of(key) for key, row in rows.items() if row.pk in known},
    )


def fold_all(*touchpoints: Touchpoint) -> None:
    fold.fold(resolved(touchpoints), CONTEXT)


__all__ = ["CONTEXT", "T0", "fold_all", "identify", "profile", "replace", "resolved", "touchpoint"]
