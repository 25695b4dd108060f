"""REST: why two identifiers are one person or are not, and what people decide about that.

Identifiers stand in bodies alone: as a clear value, which is hashed and not kept, or by the key that other answers name.
"""

from typing import Any, ClassVar

from django.urls import path
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.errors import DomainError
from identity.graph.types import Verdict
from identity.privacy.shapes import Asked, Named, valid
from identity.profiles import decisions, forgetting, rendering, shapes, undecided
from identity.profiles.asking import explained
from identity.profiles.models import Decision
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

READ, WRITE, FORGET = "profiles:read", "profiles:write", "privacy:write"
STATES = ("waiting", "standing", "undone")


# --- Shapes ---


class _IdentifierNamed(Named):
    """An identifier: namespace and clear value, or its key."""

    namespace = serializers.CharField(max_length=60, required=False, default="")
    value = serializers.CharField(
        max_length=512, trim_whitespace=False, required=False, default=""
    )
    key = serializers.CharField(
        max_length=600,
        required=False,
        default="",
        help_text="namespace:value as other answers name it; of personal data its HMAC.",
    )


class _One(serializers.Serializer[Any]):
    identifier = _IdentifierNamed()


class _Two(serializers.Serializer[Any]):
    a = _IdentifierNamed()
    b = _IdentifierNamed()


class _Wish(_Two):
    why = serializers.CharField(
        max_length=200,
        required=False,
        default="",
        help_text="Goes to the log of decisions; without personal data.",
    )


class _DecisionAsked(Asked):
    decision = serializers.IntegerField(help_text="Its number in the log.")


class _IdentityDecisionShape(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="The higher is the newer, and outranks the lower.")
    decision = serializers.ChoiceField([each.value for each in Verdict])
    between = serializers.ListField(
        child=serializers.CharField(), help_text="Two keys; of personal data with its HMAC."
    )
    why = serializers.CharField()
    state = serializers.ChoiceField(
        STATES, help_text="waiting: the lane has not carried it out yet."
    )
    overruled = serializers.CharField(
        help_text="Why it does not hold at present, though it stands: always_link, never_link or unlink (a newer decision),"
        ' max:NAMESPACE or hub:NAMESPACE (the policy); "" when it holds.'
    )
    made_at = serializers.DateTimeField()
    made_by = serializers.CharField()
    applied_at = serializers.DateTimeField(allow_null=True)
    undone_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField()


class _StepShape(serializers.Serializer[Any]):
    between = serializers.ListField(child=serializers.CharField())
    evidence = shapes.LinkShape(many=True)
    refused = serializers.CharField(help_text='Why this step joins nobody, "" when it does.')
    decision = serializers.IntegerField(
        allow_null=True, help_text="The decision that these two are one person."
    )


class _HubShape(serializers.Serializer[Any]):
    identifier = serializers.CharField(help_text="namespace:value; of personal data its HMAC.")
    people = serializers.IntegerField(help_text="Person identifiers around it.")


class _ExplanationShape(serializers.Serializer[Any]):
    together = serializers.BooleanField(help_text="Both belong to one profile now.")
    chain = _StepShape(many=True)


def _decision(row: Decision, overruled: dict[int, str]) -> dict[str, Any]:
    names = ("why", "made_at", "made_by", "applied_at", "undone_at", "undone_by")
    return {
        "id": row.pk,
        "decision": row.verdict,
        "between": [row.a, row.b],
        "state": decisions.state(row),
        "overruled": overruled.get(row.pk, ""),
        **{name: getattr(row, name) for name in names},
    }


def identified(asked: dict[str, Any]) -> Identifier:
    """Return the identifier that a body names. Raises DomainError (400)."""
    if asked["key"]:
        return naming.by_key(asked["key"])
    if not (asked["namespace"] and asked["value"]):
        said = gettext("name an identifier by namespace and value, or by its key")
        raise DomainError("no_identifier", said, status=400)
    return naming.identifier(asked["namespace"], asked["value"], region=asked["region"])


# --- Views ---


class Explain(APIView):
    """Why two identifiers are one person, or are not."""

    required_scope = READ

    @extend_schema(operation_id="explain", request=_Two, responses={200: _ExplanationShape})
    def post(self, request: Request) -> Response:
        """Return the shortest chain of evidence between two identifiers; empty when nothing connects them. That is an entry of the audit log."""
        asked = valid(_Two, request)
        found = explained(
            identified(asked["a"]),
            identified(asked["b"]),
            actor=actor(request),
            now=clock.now(),
        )
        return Response(rendering.explanation(found))


class _Decide(APIView):
    """Keeps a decision of one kind in the log and has the lane carry it out."""

    required_scope: ClassVar[Any] = {"POST": WRITE}
    verdict: ClassVar[Verdict]

    def decide(self, request: Request) -> Response:
        wish = valid(_Wish, request)
        asked = decisions.ask(
            self.verdict,
            identified(wish["a"]),
            identified(wish["b"]),
            why=wish["why"],
            actor=actor(request),
            now=clock.now(),
        )
        return Response(asked._asdict(), 202)


class Unlink(_Decide):
    """Takes evidence away."""

    verdict = Verdict.UNLINK

    @extend_schema(operation_id="unlink", request=_Wish, responses={202: _DecisionAsked})
    def post(self, request: Request) -> Response:
        """Make what evidence says about this pair void, now and later, until that is undone."""
        return self.decide(request)


class NeverLink(_Decide):
    """Keeps people apart."""

    verdict = Verdict.NEVER

    @extend_schema(operation_id="never_link", request=_Wish, responses={202: _DecisionAsked})
    def post(self, request: Request) -> Response:
        """Let these two never end in one profile, whatever the evidence, until that is undone."""
        return self.decide(request)


class AlwaysLink(_Decide):
    """Brings people together."""

    verdict = Verdict.ALWAYS

    @extend_schema(operation_id="always_link", request=_Wish, responses={202: _DecisionAsked})
    def post(self, request: Request) -> Response:
        """Let these two be one person, even if no evidence says so, until that is undone."""
        return self.decide(request)


class Decisions(APIView):
    """What people decided."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_identity_decisions",
        parameters=[*pages.PARAMETERS, OpenApiParameter("state", str, enum=STATES)],
        responses=pages.schema("IdentityDecisionPage", _IdentityDecisionShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List decisions, undone ones too, the newest first."""
        rows = decisions.listed(request.query_params.get("state", ""))
        page = pages.page(rows, request.query_params, order=["-id"])
        overruled = decisions.overruled(page.results)
        return Response(page.render(lambda row: _decision(row, overruled)))


class Undo(APIView):
    """Takes a decision back."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="undo_identity_decision", request=None, responses={202: Asked})
    def post(self, request: Request, decision: int) -> Response:
        """Let a decision stand no longer: profiles and their ids are again what they are without it."""
        command = decisions.ask_undo(decision, actor=actor(request), now=clock.now())
        return Response({"command": command}, 202)


class Hubs(APIView):
    """Identifiers with too many people around them."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_hubs",
        parameters=pages.PARAMETERS,
        responses=pages.schema("HubPage", _HubShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List quarantined identifiers by their keys: they keep their links and join nobody."""
        page = undecided.hubs(request.query_params)
        return Response(
            page.render(lambda hub: {"identifier": hub.identifier.key, "people": hub.degree})
        )


class Undecided(APIView):
    """Profiles that the rules cannot decide."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_undecided",
        parameters=pages.PARAMETERS,
        responses=pages.schema("UndecidedPage", shapes.UndecidedShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List neighbourhoods that are too large, then profiles of several people, perhaps: a cookie or device, two values of one namespace, and no id that says who is who."""
        page = undecided.undecided(request.query_params)
        return Response(page.render(rendering.undecided))


class Forget(APIView):
    """Takes an identifier out of everything."""

    required_scope = {"POST": FORGET}

    @extend_schema(operation_id="forget_identifier", request=_One, responses={202: Asked})
    def post(self, request: Request) -> Response:
        """Let an identifier take part in nothing any more, for good: its links are void, and whoever sends it later says nothing."""
        wanted = identified(valid(_One, request)["identifier"])
        command = forgetting.ask(wanted, actor=actor(request), now=clock.now())
        return Response({"command": command}, 202)


urlpatterns = [
    path("identity/explain", Explain.as_view(), name="api-identity-explain"),
    path("identity/unlink", Unlink.as_view(), name="api-identity-unlink"),
    path("identity/never-link", NeverLink.as_view(), name="api-identity-never-link"),
    path("identity/always-link", AlwaysLink.as_view(), name="api-identity-always-link"),
    path("identity/decisions", Decisions.as_view(), name="api-identity-decisions"),
    path("identity/hubs", Hubs.as_view(), name="api-identity-hubs"),
    path("identity/undecided", Undecided.as_view(), name="api-identity-undecided"),
    path("identity/forget", Forget.as_view(), name="api-identity-forget"),
    path("identity/decisions/<int:decision>/undo", Undo.as_view(), name="api-identity-undo"),
]
