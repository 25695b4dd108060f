"""REST: the identity policy in force and its versions, and the draft of the next one."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.graph import documents
from identity.graph.models import IdentityPolicy
from identity.graph.policy import DEFAULT
from identity.privacy.shapes import Asked, valid
from identity.profiles.policies import services

READ, WRITE = "identity:read", "identity:write"


class _NamespaceShape(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="person, device, cookie or household")
    priority = serializers.IntegerField(help_text="1 is the strongest.")
    max = serializers.IntegerField(
        required=False, allow_null=True, help_text="Values that one profile may hold; null: any."
    )
    pii = serializers.BooleanField(required=False)
    hub = serializers.IntegerField(
        required=False,
        allow_null=True,
        help_text="With more person identifiers around it, a value joins nobody; null: never.",
    )
    normaliser = serializers.CharField(
        required=False, help_text="none, strip, email, phone or sha256"
    )


class _DocumentShape(serializers.Serializer[Any]):
    namespaces = serializers.DictField(child=_NamespaceShape())
    families = serializers.DictField(
        child=_NamespaceShape(), required=False, help_text="By the beginning of their names."
    )
    blocked_values = serializers.ListField(child=serializers.CharField(), required=False)
    blocked_patterns = serializers.ListField(child=serializers.CharField(), required=False)


class _DraftShape(serializers.Serializer[Any]):
    document = serializers.JSONField(help_text="An identity policy, as it is read.")


class _ProgressShape(serializers.Serializer[Any]):
    processed = serializers.IntegerField(help_text="Identifiers looked at.")
    of = serializers.IntegerField(help_text="About how many that will be.")
    done = serializers.BooleanField(help_text="Every profile is as this version says.")


class _VersionShape(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    document = _DocumentShape()
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField()
    requested_at = serializers.DateTimeField(allow_null=True)
    applied_at = serializers.DateTimeField(allow_null=True)
    progress = _ProgressShape(allow_null=True)


class InForce(APIView):
    """The rules of who is who."""

    required_scope = {"GET": READ}

    @extend_schema(operation_id="identity_policy", responses=_VersionShape)
    def get(self, request: Request) -> Response:
        """Return the policy in force, and how far what is stored was brought to it."""
        row = services.in_force()
        return Response(_default() if row is None else _version(row))


class Versions(APIView):
    """Every version there was."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="identity_policy_versions",
        parameters=pages.PARAMETERS,
        responses=pages.schema("IdentityPolicyPage", _VersionShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List the versions, the newest first."""
        page = pages.page(services.versions(), request.query_params, order=["-version"])
        return Response(page.render(_version))


class Draft(APIView):
    """The next version."""

    required_scope = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="identity_policy_draft", responses=_VersionShape)
    def get(self, request: Request) -> Response:
        """Return the draft."""
        return Response(_version(services.drafted()))

    @extend_schema(
        operation_id="change_identity_policy_draft", request=_DraftShape, responses=_VersionShape
    )
    def put(self, request: Request) -> Response:
        """Let this be the draft; nothing changes before it is applied. 422 names each mistake with its place."""
        document = valid(_DraftShape, request)["document"]
        row = services.change(document, clock.now(), actor=actor(request))
        return Response(_version(IdentityPolicy.objects.get(pk=row.pk)))

    @extend_schema(
        operation_id="discard_identity_policy_draft", request=None, responses={204: None}
    )
    def delete(self, request: Request) -> Response:
        """Throw the draft away."""
        services.discard(clock.now(), actor=actor(request))
        return Response(status=204)


class Apply(APIView):
    """Applying the draft."""

    required_scope = WRITE

    @extend_schema(operation_id="apply_identity_policy", request=None, responses={202: Asked})
    def post(self, request: Request) -> Response:
        """Ask the lane to apply the draft: from then on what comes in goes by it, and the lane brings what is stored to it."""
        return Response({"command": services.apply(clock.now(), actor=actor(request))}, 202)


def _version(row: IdentityPolicy) -> dict[str, Any]:
    found = services.progress(row)
    progress = found and {"processed": found.processed, "of": found.of, "done": found.done}
    names = ("version", "document", "changed_at", "changed_by", "requested_at", "applied_at")
    return {**{name: getattr(row, name) for name in names}, "progress": progress}


def _default() -> dict[str, Any]:
    """Return the default policy, which holds before anything is stored."""
    return {
        "version": DEFAULT.version,
        "document": documents.write(DEFAULT),
        "changed_at": None,
        "changed_by": "",
        "requested_at": None,
        "applied_at": None,
        "progress": None,
    }


urlpatterns = [
    path("identity/policy", InForce.as_view(), name="api-identity-policy"),
    path("identity/policy/versions", Versions.as_view(), name="api-identity-policy-versions"),
    path("identity/policy/draft", Draft.as_view(), name="api-identity-policy-draft"),
    path("identity/policy/draft/apply", Apply.as_view(), name="api-identity-policy-apply"),
]
