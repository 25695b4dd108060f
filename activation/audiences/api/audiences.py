"""Audiences and what was published of them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.audiences import selectors, services
from activation.audiences.api.callers import READ, WRITE, who
from activation.audiences.models import Audience, AudienceVersion, Kind, State
from identity import pages
from identity.privacy.shapes import valid

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
        return _answer(services.create(**valid(_NewAudience, request), **who(request)), 201)


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
            services.change(audience, **valid(_AudienceChange, request), **who(request))
        )


class Publish(APIView):
    """Puts the working copy in force."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="publish_audience", request=None, responses=_AudienceShape)
    def post(self, request: Request, audience: int) -> Response:
        """Publish the working copy; `building` says whether everybody has been looked at."""
        return _answer(services.publish(audience, **who(request)))


class Archive(APIView):
    """Takes an audience out of force."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="archive_audience", request=None, responses=_AudienceShape)
    def post(self, request: Request, audience: int) -> Response:
        """Archive the audience; its members are taken out."""
        return _answer(services.archive(audience, **who(request)))


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
