"""Forgetting an identifier: it takes part in nothing any more, whoever sends it.

Its row stays, in a profile of its own that nobody meets: the touchpoints that it owned stay stored, and its profile's id says why it is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from identity.clock import Instant
from identity.errors import DomainError, NotFound
from identity.graph.policy import DEFAULT, Policy
from identity.privacy import audit
from identity.profiles import models
from identity.profiles.types import Resolved
from identity.sql import Rows, fetch
from identity.touchpoints import commands
from identity.touchpoints.types import Identifier, Touchpoint

FORGET = "profiles.forget"  # a lane command
REFUSAL = "forgotten"  # of a touchpoint that carries nothing else


def ask(identifier: Identifier, *, actor: str, now: Instant) -> int:
    """Ask the lane to forget an identifier; return the command's row id. Raises NotFound, DomainError."""
    with transaction.atomic():
        row = models.Identifier.objects.filter(key=identifier.key).first()
        if row is None:
            raise NotFound("unknown_identifier", _("no profile has this identifier"))
        if row.forgotten:
            raise DomainError("forgotten", _("This identifier is forgotten already."))
        audit.record(actor, "identity.forget", f"identity.identifier:{row.pk}", {}, now)
        return commands.enqueue(FORGET, {"identifier": identifier.key}, actor, now)


def hand_over(actor: str, now: Instant) -> int:
    """Ask the lane to have the graph forget again what is forgotten; return how many commands that took."""
    keys = list(models.Identifier.objects.filter(forgotten=True).values_list("key", flat=True))
    for key in keys:
        commands.enqueue(FORGET, {"identifier": key}, actor, now)
    return len(keys)


# --- In the lane --------------------------------------------------------------------------------------------------------


def asked_for(payload: Mapping[str, Any]) -> Identifier:
    """Return the identifier of a FORGET command."""
    return Identifier.of(str(payload["identifier"]))


def keep(identifier: Identifier) -> None:
    """Write that it is forgotten, in the lane's transaction."""
    models.Identifier.objects.filter(key=identifier.key).update(forgotten=True)


def emptied(identifier: Identifier) -> Resolved:
    """Return that its own profile, where it is alone by now, has nobody in it any more."""
    rows = models.Identifier.objects.filter(key=identifier.key, forgotten=True)
    return Resolved((), frozenset(rows.values_list("profile", flat=True)), {}, {})


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
