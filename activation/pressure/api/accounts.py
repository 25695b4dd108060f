"""The ledger, decisions, "would this pass?", caps of one person's own."""

from typing import Any

import msgspec
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.pressure import selectors, services
from activation.pressure.api import shapes
from activation.pressure.api.callers import READ, WRITE, who
from activation.pressure.policy import FARTHEST
from identity import clock, pages
from identity.errors import DomainError, NotFound
from identity.privacy.shapes import valid
from identity.profiles import facts
from identity.profiles import selectors as profiles
from identity.profiles.types import Facts

_PROFILE = OpenApiParameter(
    "profile", str, description="Id of a profile: only what is on its account."
)


def _person(uid: Any) -> Facts:
    row = profiles.find(uid).profile.pk
    found = facts.of([row]).get(row)
    if found is None:
        raise NotFound("profile_gone", gettext("the profile has no identifiers left"))
    return found


def _profile_of(request: Request) -> int | None:
    uid = request.query_params.get("profile")
    return None if uid is None else profiles.find(uid).profile.pk


class Ledger(APIView):
    """Contacts made, reserved and reported."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_ledger",
        parameters=[*pages.PARAMETERS, _PROFILE],
        responses=pages.schema("LedgerPage", shapes.LedgerRowShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List the ledger, newest first."""
        rows = selectors.ledger(_profile_of(request))
        return Response(
            pages.page(rows, request.query_params, order=["-id"]).render(shapes.ledger)
        )


class Decisions(APIView):
    """What was decided on each wish to contact somebody."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_decisions",
        parameters=[
            *pages.PARAMETERS,
            _PROFILE,
            OpenApiParameter("key", str, description="The occurrence key of a send."),
            OpenApiParameter("passed", bool),
        ],
        responses=pages.schema("DecisionPage", shapes.DecisionShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List decisions, newest first, with every policy that was looked at."""
        rows = selectors.decisions(_profile_of(request))
        if key := request.query_params.get("key"):
            rows = rows.filter(key=key)
        if passed := request.query_params.get("passed"):
            rows = rows.filter(passed=passed == "true")
        return Response(
            pages.page(rows, request.query_params, order=["-id"]).render(shapes.decision)
        )


class Check(APIView):
    """Answers whether a contact would pass."""

    required_scope = {"POST": READ}

    @extend_schema(
        operation_id="check_pressure",
        request=shapes.PressureQuestion,
        responses=shapes.PressureAnswer,
    )
    def post(self, request: Request) -> Response:
        """Say whether a contact would pass, why, and when it would; nothing is stored."""
        asked, now = valid(shapes.PressureQuestion, request), clock.now()
        at = clock.from_datetime(asked["at"]) if "at" in asked else now
        if at > now + FARTHEST:
            raise DomainError(
                "too_far", gettext("at: give a time within the next 400 days"), status=422
            )
        person = _person(asked["profile"])
        verdict = selectors.would_pass(person, asked["channel"], asked["message_class"], at, now)
        return Response(
            {
                "passes": verdict.passed,
                "reason": verdict.reason.value,
                "at": clock.to_datetime(verdict.at),
                "earliest": None
                if verdict.earliest is None
                else clock.to_datetime(verdict.earliest),
                "points": verdict.cost / 100,
                "refused_by": verdict.winner.name if verdict.winner else "",
                "policies": msgspec.to_builtins(list(verdict.uses)),
            }
        )


class Caps(APIView):
    """Caps of one person's own."""

    required_scope = {"POST": WRITE}

    @extend_schema(
        operation_id="set_cap", request=shapes.CapForm, responses={202: shapes.CapAccepted}
    )
    def post(self, request: Request) -> Response:
        """Give one person another cap in a channel, until then. The lane does it, within moments."""
        asked = valid(shapes.CapForm, request)
        command = services.ask_for_cap(
            _person(asked["profile"]).strongest,
            asked["channel"],
            limit=asked["limit"],
            window=asked["window_seconds"] * clock.SECOND,
            until=clock.from_datetime(asked["until"]),
            **who(request),
        )
        return Response({"command": command}, status=202)
