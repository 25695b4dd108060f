"""REST: audiences, their rules, sizes and members."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.audiences import reading, schema, selectors, sentences, services
from activation.audiences.models import Audience, AudienceVersion, Kind, State
from activation.audiences.rules import to_json
from activation.audiences.selectors import Inside, Member
from identity import clock, pages
from identity.access import caller
from identity.errors import DomainError
from identity.privacy.shapes import valid
from identity.profiles import selectors as profiles

READ, WRITE = "audiences:read", "audiences:write"
MAX_MEMBERS = 1_000


# --- Shapes ---


class _AudienceChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
    rule = serializers.DictField(
        required=False, help_text="Its JSON Schema is at /audiences/rule-schema."
    )


class _NewAudience(_AudienceChange):
    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(max_length=100, required=False, default="")
    kind = serializers.CharField(
        required=False, default=Kind.RULE.value, help_text="rule or manual"
    )


class _RuleForm(serializers.Serializer[Any]):
    rule = serializers.DictField()


class _RuleShape(serializers.Serializer[Any]):
    rule = serializers.DictField(help_text="The rule in its one form.")
    sentence = serializers.CharField()


class _AudienceShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()
    description = serializers.CharField()
    kind = serializers.CharField(help_text="rule or manual")
    state = serializers.CharField(help_text="draft, live or archived")
    rule = serializers.DictField(allow_null=True, help_text="The working copy.")
    version = serializers.IntegerField(
        allow_null=True, help_text="Number of the version published last."
    )
    in_force = serializers.IntegerField(
        allow_null=True, help_text="Number of the version that decides about members now."
    )
    building = serializers.BooleanField(help_text="Not everybody has been looked at yet.")
    size = serializers.IntegerField(help_text="Members, exactly.")
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class _AudienceVersionShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    rule = serializers.DictField(allow_null=True)
    published_at = serializers.DateTimeField()
    published_by = serializers.CharField()


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


def _audience(row: Audience) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "slug": row.slug,
        "description": row.description,
        "kind": row.kind,
        "state": row.state,
        "rule": row.rule,
        "version": row.version.number if row.version else None,
        "in_force": row.build.version.number if row.build.version else None,
        "building": selectors.is_building(row),
        "size": row.build.size,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def _version(row: AudienceVersion) -> dict[str, Any]:
    return {
        "number": row.number,
        "rule": row.rule,
        "published_at": row.published_at,
        "published_by": row.published_by,
    }


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


def _who(request: Request) -> dict[str, Any]:
    return {"actor": caller(request).actor, "now": clock.now()}


def _answer(row: Audience, status: int = 200) -> Response:
    return Response(_audience(selectors.audience(row.pk)), status=status)


# --- Views ---


class Audiences(APIView):
    """All audiences."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_audiences",
        parameters=[*pages.PARAMETERS, OpenApiParameter("state", str, enum=State.values)],
        responses=pages.schema("AudiencePage", _AudienceShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List audiences with their exact sizes, newest first."""
        rows = selectors.audiences()
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_audience))

    @extend_schema(
        operation_id="create_audience", request=_NewAudience, responses={201: _AudienceShape}
    )
    def post(self, request: Request) -> Response:
        """Make a draft. A rule that cannot be read is answered with 422 and the place in it."""
        return _answer(services.create(**valid(_NewAudience, request), **_who(request)), 201)


class OneAudience(APIView):
    """One audience."""

    required_scope = {"GET": READ, "PATCH": WRITE}

    @extend_schema(operation_id="read_audience", responses=_AudienceShape)
    def get(self, request: Request, audience: int) -> Response:
        """Return the audience."""
        return Response(_audience(selectors.audience(audience)))

    @extend_schema(
        operation_id="change_audience", request=_AudienceChange, responses=_AudienceShape
    )
    def patch(self, request: Request, audience: int) -> Response:
        """Change the working copy; members change when it is published."""
        return _answer(
            services.change(audience, **valid(_AudienceChange, request), **_who(request))
        )


class Publish(APIView):
    """Puts the working copy in force."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="publish_audience", request=None, responses=_AudienceShape)
    def post(self, request: Request, audience: int) -> Response:
        """Publish the working copy; `building` says whether everybody has been looked at."""
        return _answer(services.publish(audience, **_who(request)))


class Archive(APIView):
    """Takes an audience out of force."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="archive_audience", request=None, responses=_AudienceShape)
    def post(self, request: Request, audience: int) -> Response:
        """Archive the audience; its members are taken out."""
        return _answer(services.archive(audience, **_who(request)))


class Versions(APIView):
    """What was published."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_audience_versions",
        parameters=pages.PARAMETERS,
        responses=pages.schema("AudienceVersionPage", _AudienceVersionShape(many=True)),
    )
    def get(self, request: Request, audience: int) -> Response:
        """List versions, newest first."""
        rows = selectors.audience(audience).versions.all()
        return Response(pages.page(rows, request.query_params, order=["-number"]).render(_version))


class Members(APIView):
    """Who is in an audience."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_members",
        parameters=pages.PARAMETERS,
        responses=pages.schema("MemberPage", _MemberShape(many=True)),
    )
    def get(self, request: Request, audience: int) -> Response:
        """List members, oldest profile first."""
        selectors.audience(audience)
        limit = pages.limit_of(request.query_params)
        last = pages.after(request.query_params, int)
        after = int(last[0]) if last else 0
        rows = selectors.members(audience, after=after, limit=limit + 1)
        page = pages.cut(rows, limit=limit, key=lambda row: [row.profile])
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
        who = _who(request)
        if asked["add"]:
            done.append(services.add_members(audience, _owners(asked["add"]), **who))
        if asked["remove"]:
            done.append(services.remove_members(audience, _owners(asked["remove"]), **who))
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


class Rules(APIView):
    """Checks rules."""

    required_scope = {"POST": READ}

    @extend_schema(operation_id="check_rule", request=_RuleForm, responses=_RuleShape)
    def post(self, request: Request) -> Response:
        """Read a rule and say what it means; one that cannot be read is answered with 422 and the place in it."""
        rule = reading.parse(valid(_RuleForm, request)["rule"])
        return Response({"rule": to_json(rule), "sentence": sentences.sentence(rule)})


class RuleSchema(APIView):
    """The JSON Schema of rules."""

    required_scope = {"GET": READ}

    @extend_schema(operation_id="rule_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return the JSON Schema of a rule."""
        return Response(schema.rule())


urlpatterns = [
    path("audiences", Audiences.as_view()),
    path("audiences/check", Rules.as_view()),
    path("audiences/rule-schema", RuleSchema.as_view()),
    path("audiences/<int:audience>", OneAudience.as_view()),
    path("audiences/<int:audience>/publish", Publish.as_view()),
    path("audiences/<int:audience>/archive", Archive.as_view()),
    path("audiences/<int:audience>/versions", Versions.as_view()),
    path("audiences/<int:audience>/members", Members.as_view()),
    path("profiles/<uuid:profile>/audiences", ProfileAudiences.as_view()),
]
