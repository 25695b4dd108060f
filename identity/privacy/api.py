"""REST: consent and suppression of an identifier, whether a profile has it already or not."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.privacy import naming, services
from identity.privacy.models import Suppression
from identity.privacy.shapes import (
    Asked,
    ConsentWish,
    Named,
    SuppressionShape,
    SuppressionWish,
    valid,
)
from identity.touchpoints.types import Identifier

READ, WRITE = "privacy:read", "privacy:write"


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


urlpatterns = [
    path("consent", Consents.as_view(), name="api-consent"),
    path("suppressions", Suppressions.as_view(), name="api-suppressions"),
]
