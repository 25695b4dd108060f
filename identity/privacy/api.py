"""REST: consent and suppression of an identifier, whether a profile has it already or not; who changed and who saw what."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.privacy import audit, services
from identity.privacy.models import AuditEntry, Suppression, VaultAccess
from identity.privacy.shapes import (
    Asked,
    ConsentWish,
    Named,
    SuppressionShape,
    SuppressionWish,
    valid,
)
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

READ, WRITE = "privacy:read", "privacy:write"
AUDIT = "audit:read"


class _AuditEntryShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    actor = serializers.CharField(help_text="user:<row id>, key:<prefix> or command:<name>")
    action = serializers.CharField()
    object = serializers.CharField()
    detail = serializers.DictField()


class _VaultAccessShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    why = serializers.CharField()
    identifier = serializers.CharField(help_text="namespace:value; of personal data its HMAC.")
    field = serializers.CharField()


class _NamedConsent(Named, ConsentWish):
    """A wish, and whose."""


class _NamedSuppression(Named, SuppressionWish):
    """A wish, and whose."""


class Consents(APIView):
    """What people allow and refuse."""

    required_scope = WRITE

    @extend_schema(operation_id="consent", request=_NamedConsent, responses={202: Asked})
    def post(self, request: Request) -> Response:
        """Keep that an identifier's owner allows or refuses a purpose; done once the lane has executed it."""
        wish = valid(_NamedConsent, request)
        whose = [_named(wish)]
        command = services.ask_consent(whose, **wish, actor=actor(request), now=clock.now())
        return Response({"command": command}, 202)


class Suppressions(APIView):
    """Channels that must not be used."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="suppressions",
        parameters=pages.PARAMETERS,
        responses=pages.schema("Suppressions", SuppressionShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List what is closed at present, the latest entry first."""
        rows = Suppression.objects.filter(active=True)
        page = pages.page(rows, request.query_params, order=["-id"])
        return Response(page.render(_suppression))

    @extend_schema(operation_id="suppress", request=_NamedSuppression, responses={202: Asked})
    def post(self, request: Request) -> Response:
        """Close a channel for an identifier, or open it again; done once the lane has executed it."""
        wish = valid(_NamedSuppression, request)
        whose = [_named(wish)]
        command = services.ask_suppression(whose, **wish, actor=actor(request), now=clock.now())
        return Response({"command": command}, 202)


class AuditLog(APIView):
    """Who changed what."""

    required_scope = {"GET": AUDIT}

    @extend_schema(
        operation_id="list_audit",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("actor", str),
            OpenApiParameter("action", str, description="source.change, …"),
            OpenApiParameter("object", str, description="identity.source:3, …"),
        ],
        responses=pages.schema("AuditPage", _AuditEntryShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List changes, the latest first. They name fields and row ids, never a value."""
        names = ("actor", "action", "object")
        asked = {name: request.query_params.get(name, "") for name in names}
        page = pages.page(audit.entries(**asked), request.query_params, order=["-id"])
        return Response(page.render(_entry))


class AccessLog(APIView):
    """Who saw clear personal data."""

    required_scope = {"GET": AUDIT}

    @extend_schema(
        operation_id="list_vault_access",
        parameters=pages.PARAMETERS,
        responses=pages.schema("AccessPage", _VaultAccessShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List who opened which value of the vault, and why, the latest first."""
        page = pages.page(VaultAccess.objects.all(), request.query_params, order=["-id"])
        return Response(page.render(_access))


def _named(wish: dict[str, Any]) -> Identifier:
    """Take the identifier out of a wish."""
    namespace, value, region = (wish.pop(name) for name in ("namespace", "value", "region"))
    return naming.identifier(namespace, value, region=region)


def _suppression(row: Suppression) -> dict[str, Any]:
    return {
        "identifier": row.identifier,
        "channel": row.channel,
        "reason": row.reason,
        "since": row.at,
        "said_by": row.said_by,
    }


def _entry(row: AuditEntry) -> dict[str, Any]:
    return {name: getattr(row, name) for name in list(_AuditEntryShape().fields)}


def _access(row: VaultAccess) -> dict[str, Any]:
    return {name: getattr(row, name) for name in list(_VaultAccessShape().fields)}


urlpatterns = [
    path("audit", AuditLog.as_view(), name="api-audit"),
    path("audit/vault", AccessLog.as_view(), name="api-audit-vault"),
    path("consent", Consents.as_view(), name="api-consent"),
    path("suppressions", Suppressions.as_view(), name="api-suppressions"),
]
