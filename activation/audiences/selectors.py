"""Reading audiences: sizes, members, what a profile is in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext

from activation.audiences.models import Audience, Membership, MembershipLog, State
from identity.clock import Instant
from identity.errors import NotFound
from identity.profiles import facts
from identity.sql import fetch


def audiences() -> QuerySet[Audience]:
    """Return all audiences with their builds and versions."""
    return Audience.objects.select_related("build", "version", "build__version")


def audience(id_: int) -> Audience:
    """Return one audience. Raises NotFound."""
    found = audiences().filter(pk=id_).first()
    if found is None:
        raise NotFound("no_audience", gettext("there is no audience %(id)s") % {"id": id_})
    return found


def named(slug: str) -> Audience:
    """Return the audience of this short name. Raises NotFound."""
    found = audiences().filter(slug=slug).first()
    if found is None:
        raise NotFound("no_audience", gettext("there is no audience %(slug)s") % {"slug": slug})
    return found


def is_building(one: Audience) -> bool:
    """Tell whether the lane still has profiles or touchpoints to look at before the members are what the rule says."""
    target = one.version_id if one.state == State.LIVE else None
    return bool(one.build.version_id != target or one.build.cursor is not None)


@dataclass(frozen=True, slots=True)
class Member:
    """A row of the list of members."""

    profile: int
    uid: str
    since: int
    cause: str


_BEFORE_ALL = (-(2**63), 0)


def members(
    audience_id: int, *, after: tuple[Instant, int] | None = None, limit: int
) -> list[Member]:
    """Return members in the order in which they entered: by since and row id of the profile, above `after`."""
    rows = fetch(
        "SELECT m.profile_id, p.uid, m.since, m.cause FROM activation_membership AS m"
        " JOIN identity_profile AS p ON p.id = m.profile_id"
        " WHERE m.audience_id = %s AND (m.since, m.profile_id) > (%s, %s)"
        " ORDER BY m.since, m.profile_id LIMIT %s",
        [audience_id, *(after or _BEFORE_ALL), limit],
    )
    return [Member(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Inside:
    """An audience that a profile is in."""

    audience: int
    name: str
    slug: str
    since: int
    cause: str


def of_profile(profile: int, *, after: int, limit: int) -> list[Inside]:
    """Return what a profile is in by rising row id of the audience, above `after`."""
    rows = fetch(
        "SELECT a.id, a.name, a.slug, m.since, m.cause FROM activation_membership AS m"
        " JOIN activation_audience AS a ON a.id = m.audience_id"
        " WHERE m.profile_id = %s AND m.audience_id > %s ORDER BY m.audience_id LIMIT %s",
        [profile, after, limit],
    )
    return [Inside(*row) for row in rows]


def member_profiles(audience_id: int, *, after: int = 0, limit: int = 10_000) -> list[int]:
    """Return row ids of member profiles in their order, above `after`. Walks over all profiles, whoever of them is a member."""
    rows = fetch(
        "SELECT p.id FROM identity_profile AS p WHERE p.id > %s AND EXISTS ("
        "SELECT 1 FROM activation_membership AS m WHERE m.profile_id = p.id AND m.audience_id = %s)"
        " ORDER BY p.id LIMIT %s",
        [after, audience_id, limit],
    )
    return [row[0] for row in rows]


def owners(profiles: Collection[int]) -> set[int]:
    """Return the strongest identifier of each profile: who a membership by hand is kept for."""
    return {person.strongest for person in facts.of(profiles).values()}


def of_profiles(profile_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Return the audiences of each of these profiles; one that is in none is left out."""
    found: dict[int, set[int]] = {}
    rows = Membership.objects.filter(profile__in=profile_ids)
    for profile, one in rows.values_list("profile_id", "audience_id"):
        found.setdefault(profile, set()).add(one)
    return {profile: frozenset(mine) for profile, mine in found.items()}


def versions() -> dict[str, int]:
    """Return the versions in force by audience, for the record of a batch."""
    rows = fetch(
        "SELECT b.audience_id, v.number FROM activation_build AS b"
        " JOIN activation_audienceversion AS v ON v.id = b.version_id"
    )
    return {str(one): number for one, number in rows}


def memberships(profile_id: int) -> QuerySet[Membership]:
    """Return the audiences that a profile is in, newest first."""
    rows = Membership.objects.filter(profile=profile_id).select_related("audience")
    return rows.order_by("-since", "audience")


def changes(profile_id: int) -> QuerySet[MembershipLog]:
    """Return what a profile entered and left, newest first."""
    rows = MembershipLog.objects.filter(profile=profile_id).select_related("audience")
    return rows.order_by("-id")
