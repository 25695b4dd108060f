"""Reading who is who: by id, by identifier, members, history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from identity.clock import Instant, from_datetime
from identity.errors import NotFound
from identity.privacy import tombstones
from identity.profiles import models
from identity.profiles.occasions import Doing, Occasion
from identity.sql import Rows, any_of
from identity.touchpoints.types import Identifier


@dataclass(frozen=True, slots=True)
class Found:
    """A profile, asked for by an id. `merged_into` is its present id when that is another than the one asked for."""

    profile: models.Profile
    merged_into: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """One entry of a profile's history: `identifiers` went from the profile `origin` to `target` (ids)."""

    at: Instant
    kind: str
    origin: str
    target: str
    identifiers: tuple[Identifier, ...]
    evidence: dict[str, Any]
    occasion: Occasion


def find(uid: str | UUID) -> Found:
    """Return the profile in which the founder of this id lives now. Raises NotFound.

    Every id that was ever handed out answers, as long as its founder is known.
    """
    text = str(uid).lower()
    asked = models.Profile.objects.filter(uid=text).first()
    if asked is None:
        if tombstones.buries(text):
            raise NotFound("profile_erased", _("the person of this profile was erased"))
        raise NotFound("unknown_profile", _("no profile ever had this id"))
    home = _home(asked.founder)
    if home is None:
        raise NotFound(
            "profile_gone", _("the identifier that founded this profile is no longer known")
        )
    if home.forgotten:
        raise NotFound("forgotten", _("the identifier that founded this profile was forgotten"))
    profile = home.profile
    return Found(profile, profile.uid if profile.uid != text else None)


def by_identifier(identifier: Identifier) -> models.Profile:
    """Return the profile of an identifier (of PII: its HMAC). Raises NotFound."""
    home = _home(identifier.key)
    if home is None:
        raise NotFound("unknown_identifier", _("no profile has this identifier"))
    if home.forgotten:
        raise NotFound("forgotten", _("this identifier was forgotten"))
    return home.profile


def _home(key: str) -> models.Identifier | None:
    return models.Identifier.objects.select_related("profile").filter(key=key).first()


def members(profile: int) -> list[models.Identifier]:
    """Return the identifiers of a profile (row id), the strongest first."""
    return list(
        models.Identifier.objects.filter(profile=profile).order_by("priority", "namespace", "key")
    )


def identifiers(profile: int) -> list[Identifier]:
    """Return the identifiers of a profile (row id) as values, the strongest first."""
    return [Identifier.of(row.key) for row in members(profile)]


def moves(profile: int) -> QuerySet[models.ProfileMove]:
    """Return the merges and splits of a profile (row id) and of all that were merged into it."""
    ids = [profile, *_absorbed(identifiers(profile))]
    given = Rows("given", id="bigint")
    # A union is found by two indexes; of an "or" of two sets PostgreSQL would read the whole table.
    mine = RawSQL(  # noqa: S611 - values are parameters
        " UNION ".join(
            f"SELECT m.id FROM {given} JOIN identity_profilemove AS m ON m.{end} = given.id"
            for end in ("origin_id", "target_id")
        ),
        given.of((each,) for each in ids) * 2,
    )
    return models.ProfileMove.objects.filter(pk__in=mine).select_related("origin", "target")


def move(row: models.ProfileMove) -> Move:
    """Return a row of `moves` as a value."""
    return Move(
        at=from_datetime(row.at),
        kind=row.kind,
        origin=row.origin.uid,
        target=row.target.uid,
        identifiers=tuple(map(Identifier.of, msgspec.json.decode(row.identifiers))),
        evidence=msgspec.json.decode(row.evidence),
        occasion=Occasion(Doing(row.occasion), row.number),
    )


def history(profile: int, *, limit: int = 100) -> list[Move]:
    """Return the latest of `moves`, newest first."""
    return [move(row) for row in moves(profile).order_by("-pk")[:limit]]


def _absorbed(founders: Sequence[Identifier]) -> Collection[int]:
    """Return the profiles that these identifiers founded; they live on in the founders' present one."""
    founded = models.Profile.objects.filter(
        founder__in=any_of("text", (each.key for each in founders))
    )
    return founded.values_list("pk", flat=True)
