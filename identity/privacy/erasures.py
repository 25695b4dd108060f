"""Asking for an erasure, and its certificate. What carries it out knows all floors: dmp_site.erasing."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.privacy import audit
from identity.privacy.models import Erasure
from identity.touchpoints import commands
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import Identifier

ERASE = "person.erase"  # the lane's command, with the payload {"erasure": row id}


def ask(
    *, identifier: Identifier | None = None, profile: str = "", actor: str, now: Instant
) -> Erasure:
    """Ask the lane to erase the person who has this identifier, or this profile id; return the erasure.

    An identifier that nobody has yet is erased all the same: what waits, or is imported later, may carry it.
    """
    subject = {"identifier": identifier.key} if identifier else {"profile": profile}
    with transaction.atomic():
        row = Erasure.objects.create(asked_by=actor, asked_at=now, subject=subject)
        _enqueue(row, actor, now)
    return row


def resume(number: int, *, actor: str, now: Instant) -> Erasure:
    """Ask the lane to go on with an erasure whose command it gave up. Raises NotFound, and DomainError when it is done."""
    row = one(number)
    if row.state == Erasure.State.DONE:
        raise DomainError(
            "erasure_over", gettext("erasure %(number)s is over already") % {"number": number}
        )
    with transaction.atomic():
        _enqueue(row, actor, now)
    return row


def _enqueue(row: Erasure, actor: str, now: Instant) -> None:
    """Ask the lane; the audit log says who wants it, and not about whom."""
    audit.record(actor, ERASE, f"identity.erasure:{row.pk}", {}, now)
    commands.enqueue(ERASE, {"erasure": row.pk}, actor, now)


def one(number: int) -> Erasure:
    """Return an erasure. Raises NotFound."""
    row = Erasure.objects.filter(pk=number).first()
    if row is None:
        raise NotFound(
            "no_erasure", gettext("there is no erasure %(number)s") % {"number": number}
        )
    return row


class Leaving(NamedTuple):
    """People who are being erased at the moment: keys of their identifiers, and ids of the profiles that those founded."""

    keys: frozenset[str]
    uids: frozenset[str]


def leaving() -> Leaving:
    """Return who is being erased; one statement. Whoever was is not in it any more, and nowhere else either."""
    running = Erasure.objects.filter(state=Erasure.State.RUNNING).values_list("keys", "uids")
    keys: set[str] = set()
    uids: set[str] = set()
    for theirs, founded in running:
        keys.update(theirs)
        uids.update(founded)
    return Leaving(frozenset(keys), frozenset(uids))


def under_way(keys: Collection[str]) -> set[str]:
    """Return which of these identifiers are being erased: what would name them anew has to be refused."""
    return set(leaving().keys.intersection(keys))


def asked_for() -> list[int]:
    """Return the row ids of the erasures that the lane is asked to go on with."""
    waiting = LaneCommand.objects.filter(kind=ERASE, done_at=None)
    return [int(payload["erasure"]) for payload in waiting.values_list("payload", flat=True)]


def certificate(row: Erasure) -> Mapping[str, Any]:
    """Return what was removed where, when, and asked by whom; it names nobody. Times are ISO 8601."""
    times = ("asked_at", "started_at", "erased_at", "finished_at")
    return {
        "erasure": row.pk,
        "state": row.state,
        "phase": row.phase,
        "asked_by": row.asked_by,
        **{name: moment.isoformat() if (moment := getattr(row, name)) else None for name in times},
        "identifiers": row.identifiers,
        "removed": dict(sorted(row.removed.items())),
        "notes": row.notes,
    }
