"""Profiles and identifiers as rows, for tests of what hangs on them."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from identity.clock import DAY, HOUR, Instant
from identity.profiles.models import Identifier, Profile
from identity.profiles.types import Facts
from identity.touchpoints.types import BatchContext, Mode

NOON: Instant = 1_788_177_600_000  # 2026-08-31T12:00:00Z, a Monday


def profile(name: str) -> Profile:
    return Profile.objects.create(
        uid=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), founder=f"user_id:{name}", created_at=1
    )


def identifier(key: str, of: Profile) -> Identifier:
    namespace = key.partition(":")[0]
    return Identifier.objects.create(
        key=key, namespace=namespace, kind="person", priority=1, first_number=1, profile=of
    )


def person(name: str, *keys: str) -> tuple[Profile, list[Identifier]]:
    """Make a profile with an identifier user_id:NAME, and the others named."""
    one = profile(name)
    return one, [identifier(key, one) for key in (f"user_id:{name}", *keys)]


def facts(profile_id: int, owners: Iterable[int], **rest: Any) -> Facts:
    mine = tuple(owners)
    known: dict[str, Any] = {"first_seen": NOON - 30 * DAY, "last_seen": NOON, **rest}
    return Facts(profile=profile_id, uid="", owners=mine, strongest=mine[0], **known)


def context(
    now: Instant = NOON, horizon: Instant | None = None, mode: Mode = Mode.LIVE
) -> BatchContext:
    return BatchContext(now=now, horizon=now if horizon is None else horizon, mode=mode, epoch=1)


def hours(*numbers: float) -> Sequence[Instant]:
    return [NOON + int(number * HOUR) for number in numbers]
