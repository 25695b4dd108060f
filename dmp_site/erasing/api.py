"""REST: erasing a person and its certificate, and all that is known about one."""

from typing import Any

from django.urls import path
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dmp_site.erasing import bundle
from identity import clock, pages
from identity.access import actor
from identity.errors import DomainError
from identity.graph import store
from identity.privacy import erasures
from identity.privacy.models import Erasure
from identity.privacy.shapes import valid
from identity.profiles import selectors
from identity.profiles.models import Profile
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

READ, WRITE, CLEAR = "privacy:read", "privacy:write", "pii:read"


class _Somebody(serializers.Serializer[Any]):
    """A person: by an identifier in the clear, which is hashed and not kept, or by the id of the profile."""

    profile = serializers.UUIDField(required=False)
    namespace = serializers.CharField(max_length=60, required=False)
    value = serializers.CharField(max_length=512, trim_whitespace=False, required=False)
    region = serializers.CharField(
        max_length=2, required=False, default="", help_text="ISO 3166; completes a phone number."
    )


class _Told(_Somebody):
    why = serializers.CharField(
        max_length=200,
        help_text="Goes to the audit log and the access log; without personal data.",
    )


class _Certificate(serializers.Serializer[Any]):
    erasure = serializers.IntegerField()
    state = serializers.CharField(help_text="waiting, running or done")
    phase = serializers.CharField(help_text='What it is at; "" before and after.')
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    erased_at = serializers.DateTimeField(
        allow_null=True, help_text="What happened up to here is refused."
    )
    finished_at = serializers.DateTimeField(allow_null=True)
    identifiers = serializers.IntegerField(help_text="How many were erased.")
    removed = serializers.DictField(
        child=serializers.IntegerField(), help_text="Place: how many rows were removed there."
    )
    notes = serializers.ListField(
        child=serializers.CharField(), help_text="What a human has to see to."
    )


class Erasures(APIView):
    """People who were erased."""

    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_erasures",
        parameters=pages.PARAMETERS,
        responses=pages.schema("ErasurePage", _Certificate(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List erasures, the latest first. They name nobody."""
        page = pages.page(Erasure.objects.all(), request.query_params, order=["-id"])
        return Response(page.render(erasures.certificate))

    @extend_schema(operation_id="erase_person", request=_Somebody, responses={202: _Certificate})
    def post(self, request: Request) -> Response:
        """Erase a person in every store. There is no way back. Done once the lane has executed it; see /erasures/{id}."""
        identifier, profile = _named(valid(_Somebody, request))
        row = erasures.ask(
            identifier=identifier, profile=profile, actor=actor(request), now=clock.now()
        )
        row.refresh_from_db()
        return Response(erasures.certificate(row), 202)


class OneErasure(APIView):
    """One erasure."""

    required_scope = {"GET": READ}

    @extend_schema(operation_id="read_erasure", responses=_Certificate)
    def get(self, request: Request, erasure: int) -> Response:
        """Return how far an erasure is; once it is done, that is its certificate."""
        return Response(erasures.certificate(erasures.one(erasure)))


class Bundle(APIView):
    """All that is known about a person."""

    required_scope = CLEAR

    @extend_schema(
        operation_id="person_bundle", request=_Told, responses={200: OpenApiTypes.OBJECT}
    )
    def post(self, request: Request) -> Response:
        """Return all that is known about a person, clear values included. That is an entry of the audit log, and each clear value one of the access log, with the reason."""
        asked = valid(_Told, request)
        why = asked.pop("why")
        found = bundle.of(
            home(*_named(asked)), store(), actor=actor(request), why=why, now=clock.now()
        )
        return Response(found)


def home(identifier: Identifier | None, profile: str) -> Profile:
    """Return the profile that has the identifier, or in which the one of this id lives now. Raises NotFound."""
    if identifier is None:
        return selectors.find(profile).profile
    return selectors.by_identifier(identifier)


def _named(asked: dict[str, Any]) -> tuple[Identifier | None, str]:
    """Return the identifier, or the id of a profile that there is. Raises DomainError."""
    given = {"namespace", "value"} & set(asked)
    if ("profile" in asked) == bool(given) or len(given) == 1:
        raise DomainError(
            "one_person", gettext("name a profile, or a namespace and a value"), status=400
        )
    if given:
        return naming.identifier(asked["namespace"], asked["value"], region=asked["region"]), ""
    return None, selectors.find(asked["profile"]).profile.uid


urlpatterns = [
    path("erasures", Erasures.as_view(), name="api-erasures"),
    path("erasures/<int:erasure>", OneErasure.as_view(), name="api-erasure"),
    path("bundle", Bundle.as_view(), name="api-bundle"),
]
