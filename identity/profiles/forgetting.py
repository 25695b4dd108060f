"""Forgetting an identifier: it takes part in nothing any more, whoever sends it.

Its row stays, in a profile of its own that nobody meets: the touchpoints that it owned stay stored, and its profile's id says why it is gone.
Those around it may be very many: the lane notes them slice by slice, each the command for the next, and groups them when it has them all
(see identity.profiles.unsettled). One that dies takes the slice that it was in once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.graph.policy import DEFAULT, Policy
from identity.graph.types import Detached
from identity.privacy import audit, erasures
from identity.profiles import models
from identity.profiles.unsettled import Work
from identity.sql import Rows, fetch
from identity.touchpoints import commands
from identity.touchpoints.models import LaneCommand
from identity.touchpoints.types import Identifier, Touchpoint

FORGET = "profiles.forget"  # a lane command
REFUSAL = "forgotten"  # of a touchpoint that carries nothing else
SLICE = 500  # identifiers around it that are looked at in one transaction of the lane


def ask(identifier: Identifier, *, actor: str, now: Instant) -> int:
    """Ask the lane to forget an identifier; return the command's row id. Raises NotFound, DomainError."""
    with transaction.atomic():
        row = models.Identifier.objects.filter(key=identifier.key).first()
        if row is None:
            raise _unknown()
        if row.forgotten:
            raise DomainError("forgotten", _("This identifier is forgotten already."))
        audit.record(actor, "identity.forget", f"identity.identifier:{row.pk}", {}, now)
        return commands.enqueue(FORGET, {"identifier": identifier.key}, actor, now)


def hand_over(actor: str, now: Instant) -> int:
    """Ask the lane to have the graph forget again what is forgotten; return how many commands that took."""
    keys = list(models.Identifier.objects.filter(forgotten=True).values_list("key", flat=True))
    if not keys:
        return 0
    with transaction.atomic():
        for key in keys:
            last = commands.enqueue(FORGET, {"identifier": key}, actor, now)
        audit.record(actor, FORGET, f"identity.lanecommand:{last}", {"commands": len(keys)}, now)
    return len(keys)


def under_way() -> set[str]:
    """Return the keys of the identifiers that the lane has still to forget, or is just forgetting."""
    waiting = LaneCommand.objects.filter(kind=FORGET, done_at=None)
    return {str(each.get("identifier", "")) for each in waiting.values_list("payload", flat=True)}


def begin_again() -> None:
    """Let what is not finished begin once more: the graph is in another store now, where the places to go on mean nothing."""
    for row in LaneCommand.objects.filter(kind=FORGET, done_at=None):
        row.payload.pop("after", None)
        row.save(update_fields=["payload"])


def _unknown() -> NotFound:
    return NotFound("unknown_identifier", _("no profile has this identifier"))


# --- In the lane --------------------------------------------------------------------------------------------------------


class Slice(NamedTuple):
    """The identifier, and where the graph store goes on with those around it."""

    identifier: Identifier
    after: str


def asked_for(payload: Mapping[str, Any]) -> Slice:
    """Read a FORGET command. Raises NotFound when nobody has the identifier any more, or it is being erased: nothing may name it anew."""
    key = str(payload.get("identifier", ""))
    if not models.Identifier.objects.filter(key=key).exists() or erasures.under_way([key]):
        raise _unknown()
    return Slice(Identifier.of(key), str(payload.get("after", "")))


def keep(slice_: Slice, detached: Detached, now: Instant) -> None:
    """Write that it is forgotten, and ask for the next slice, in the lane's transaction."""
    key = slice_.identifier.key
    models.Identifier.objects.filter(key=key).update(forgotten=True)
    if detached.after is not None:
        commands.enqueue(FORGET, {"identifier": key, "after": detached.after}, "lane", now)


def is_whole(slice_: Slice, detached: Detached) -> bool:
    """Tell whether all that are around it came at once, so that they need not be noted before they are grouped."""
    return not slice_.after and detached.after is None


def left_to_group(identifier: Identifier) -> Work:
    """Return what there is to group: the profile that it leaves is looked at when everybody else has left it who does."""
    row = models.Identifier.objects.get(key=identifier.key)
    return Work({row.profile_id: None}, identifier=row.pk)


def left_out(touchpoints: Sequence[Touchpoint], *, policy: Policy = DEFAULT) -> list[Touchpoint]:
    """Return the touchpoints as if they did not carry what is forgotten. One statement."""
    given = Rows("given", key="text")
    names = {each.key: each for one in touchpoints for each in one.identifiers}
    rows = fetch(
        f"SELECT known.key FROM identity_identifier known JOIN {given} ON given.key = known.key"
        " WHERE known.forgotten",
        given.of([(key,) for key in names]),
    )
    forgotten = {names[key] for (key,) in rows}
    if not forgotten:
        return list(touchpoints)
    return [
        each if forgotten.isdisjoint(each.identifiers) else _without(each, forgotten, policy)
        for each in touchpoints
    ]


def _without(touchpoint: Touchpoint, forgotten: set[Identifier], policy: Policy) -> Touchpoint:
    left = tuple(each for each in touchpoint.identifiers if each not in forgotten)
    same = tuple(pair for pair in touchpoint.same if forgotten.isdisjoint(pair))
    refusal = touchpoint.refusal and policy.refusal(left, same)
    owner = None if refusal else policy.owner(left)
    return replace(
        touchpoint,
        identifiers=left,
        same=same,
        owner=owner,
        refusal=refusal or ("" if owner else REFUSAL),
        pii={each: clear for each, clear in touchpoint.pii.items() if owner and each in left},
        pii_fields=touchpoint.pii_fields if owner else {},
    )
