"""Who is in an audience, and what a profile is in."""

from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.audiences import selectors, services
from activation.audiences.api.callers import READ, WRITE, who
from activation.audiences.selectors import Inside, Member
from identity import clock, pages
from identity.errors import DomainError
from identity.privacy.shapes import valid
from identity.profiles import selectors as profiles

MAX_MEMBERS = 1_000


# --- Shapes ---


class _MemberShape(serializers.Serializer[Any]):
    profile = serializers.UUIDField()
    since = serializers.DateTimeField()
    cause = serializers.CharField(help_text="touchpoint, clock, identity, rule or hand")


class _ProfileAudienceShape(serializers.Serializer[Any]):
    audience = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()
    since = serializers.DateTimeField()
    cause = serializers.CharField(help_text="touchpoint, clock, identity, rule or hand")


class _Members(serializers.Serializer[Any]):
    add = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=MAX_MEMBERS
    )
    remove = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, max_length=MAX_MEMBERS
    )


class _MembersAccepted(serializers.Serializer[Any]):
    commands = serializers.ListField(
        child=serializers.IntegerField(),
        help_text="The lane carries these out, in their order; see /commands/{id}.",
    )


def _member(row: Member) -> dict[str, Any]:
    return {"profile": row.uid, "since": clock.to_datetime(row.since), "cause": row.cause}


def _membership(row: Inside) -> dict[str, Any]:
    return {
        "audience": row.audience,
        "name": row.name,
        "slug": row.slug,
        "since": clock.to_datetime(row.since),
        "cause": row.cause,
    }


# --- Views ---


class Members(APIView):
    """Who is in an audience."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_members",
        parameters=pages.PARAMETERS,
        responses=pages.schema("MemberPage", _MemberShape(many=True)),
    )
    def get(self, request: Request, audience: int) -> Response:
        """List members, in the order in which they entered."""
        selectors.audience(audience)
        limit = pages.limit_of(request.query_params)
        last = pages.after(request.query_params, int, int)
        after = (int(last[0]), int(last[1])) if last else None
        rows = selectors.members(audience, after=after, limit=limit + 1)
        page = pages.cut(rows, limit=limit, key=lambda row: [row.since, row.profile])
        return Response(page.render(_member))

    @extend_schema(
        operation_id="change_members", request=_Members, responses={202: _MembersAccepted}
    )
    def post(self, request: Request, audience: int) -> Response:
        """Put people into an audience that is kept by hand, or take them out. The lane does it, within moments."""
        asked = valid(_Members, request)
        if not asked["add"] and not asked["remove"]:
            raise DomainError("nobody", gettext("name profiles in add or in remove"), status=422)
        done: list[int] = []
        by = who(request)
        if asked["add"]:
            done.append(services.add_members(audience, _owners(asked["add"]), **by))
        if asked["remove"]:
            done.append(services.remove_members(audience, _owners(asked["remove"]), **by))
        return Response({"commands": done}, status=202)


def _owners(uids: list[Any]) -> set[int]:
    """Return the strongest identifier of each profile. Raises NotFound for an id that never was."""
    return selectors.owners({profiles.find(uid).profile.pk for uid in uids})


class ProfileAudiences(APIView):
    """What one profile is in."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_profile_audiences",
        parameters=pages.PARAMETERS,
        responses=pages.schema("ProfileAudiencePage", _ProfileAudienceShape(many=True)),
    )
    def get(self, request: Request, profile: Any) -> Response:
        """List the audiences that a profile is in, oldest audience first."""
        limit = pages.limit_of(request.query_params)
        last = pages.after(request.query_params, int)
        after = int(last[0]) if last else 0
        home = profiles.find(profile).profile.pk
        rows = selectors.of_profile(home, after=after, limit=limit + 1)
        page = pages.cut(rows, limit=limit, key=lambda row: [row.audience])
        return Response(page.render(_membership))
