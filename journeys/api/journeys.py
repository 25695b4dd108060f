"""Journeys, their drafts, versions and states."""

from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import pages
from identity.access import caller
from identity.privacy.shapes import valid
from journeys import schema
from journeys.api.callers import READ, URGENT, WRITE, who
from journeys.publishing import selectors, services
from journeys.publishing.models import Journey, JourneyVersion

_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag that was read; a save by somebody else in between is answered with 409.",
)


# --- Shapes ---


class _JourneyDraft(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    draft = serializers.DictField(
        help_text="The definition; its JSON Schema is at /journeys/schema."
    )


class _NewJourney(_JourneyDraft):
    name = serializers.CharField(max_length=200)
    draft = serializers.DictField(required=False, default=dict)


class _JourneyPublication(serializers.Serializer[Any]):
    migration = serializers.DictField(
        child=serializers.CharField(max_length=40, allow_null=True),
        required=False,
        default=dict,
        help_text="Node of older versions -> node of the new one, null = leave. Others stay.",
    )


class _JourneyStop(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(["drain", "eject"])


class _JourneyShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.CharField()
    version = serializers.IntegerField(
        allow_null=True, help_text="Number of the published version."
    )
    revision = serializers.IntegerField()
    saved_by = serializers.CharField()
    saved_at = serializers.DateTimeField()


class _FullJourney(_JourneyShape):
    draft = serializers.DictField()
    problems = serializers.ListField(child=serializers.DictField())


class _JourneyVersionShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    published_at = serializers.DateTimeField()
    published_by = serializers.CharField()
    definition = serializers.DictField()


def _journey(row: Journey) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "state": row.state,
        "version": row.version.number if row.version else None,
        "revision": row.revision,
        "saved_by": row.saved_by,
        "saved_at": row.saved_at,
    }


def _full(row: Journey) -> Response:
    problems = msgspec.to_builtins(selectors.problems(row.draft))
    body = {**_journey(row), "draft": row.draft, "problems": problems}
    return Response(body, headers={"ETag": services.etag_of(row)})


def _version(row: JourneyVersion) -> dict[str, Any]:
    return {
        "number": row.number,
        "published_at": row.published_at,
        "published_by": row.published_by,
        "definition": msgspec.json.decode(row.definition),
    }


# --- Views ---


class Journeys(APIView):
    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_journeys",
        parameters=pages.PARAMETERS,
        responses=pages.schema("JourneyPage", _JourneyShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List journeys, newest first."""
        rows = Journey.objects.select_related("version")
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_journey))

    @extend_schema(
        operation_id="create_journey", request=_NewJourney, responses={201: _FullJourney}
    )
    def post(self, request: Request) -> Response:
        """Make a journey; its draft need not be complete."""
        form = valid(_NewJourney, request)
        answer = _full(services.create(form["name"], form["draft"], **who(request)))
        answer.status_code = 201
        return answer


class OneJourney(APIView):
    required_scope = {"GET": READ, "PUT": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="read_journey", responses=_FullJourney)
    def get(self, request: Request, journey: int) -> Response:
        """Read a journey with its draft, its ETag, and what keeps the draft from being published."""
        return _full(selectors.journey(journey))

    @extend_schema(
        operation_id="save_journey",
        request=_JourneyDraft,
        responses=_FullJourney,
        parameters=[_IF_MATCH],
    )
    def put(self, request: Request, journey: int) -> Response:
        """Save the draft."""
        form = valid(_JourneyDraft, request)
        return _full(
            services.save_draft(
                journey,
                form["draft"],
                name=form.get("name"),
                etag=request.headers.get("If-Match"),
                **who(request),
            )
        )

    @extend_schema(operation_id="discard_journey", request=None, responses={204: None})
    def delete(self, request: Request, journey: int) -> Response:
        """Delete a journey that never was published."""
        services.discard(journey, **who(request))
        return Response(status=204)


class Publish(APIView):
    required_scope = {"POST": WRITE}
    further_scopes = [URGENT]

    @extend_schema(
        operation_id="publish_journey",
        request=_JourneyPublication,
        responses=_JourneyVersionShape,
        parameters=[_IF_MATCH],
    )
    def post(self, request: Request, journey: int) -> Response:
        """Publish the draft; `migration` says where people in older versions go. Problems are answered with 422.

        Urgent sends take the scope `pressure:urgent` too.
        """
        form = valid(_JourneyPublication, request)
        return Response(
            _version(
                services.publish(
                    journey,
                    etag=request.headers.get("If-Match"),
                    migration=form["migration"],
                    may_send_urgent=caller(request).may(URGENT),
                    **who(request),
                )
            )
        )


class Pause(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="pause_journey", request=None, responses=_JourneyShape)
    def post(self, request: Request, journey: int) -> Response:
        """Hold people where they are; nobody enters."""
        return Response(_journey(services.pause(journey, **who(request))))


class Resume(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="resume_journey", request=None, responses=_JourneyShape)
    def post(self, request: Request, journey: int) -> Response:
        """Go on after a pause; what was due meanwhile is due now."""
        return Response(_journey(services.resume(journey, **who(request))))


class Stop(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="stop_journey", request=_JourneyStop, responses=_JourneyShape)
    def post(self, request: Request, journey: int) -> Response:
        """Let nobody in; `drain` lets people inside go on to the end, `eject` lets them out where they stand."""
        mode = valid(_JourneyStop, request)["mode"]
        stop = services.drain if mode == "drain" else services.eject
        return Response(_journey(stop(journey, **who(request))))


class Versions(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_journey_versions",
        parameters=pages.PARAMETERS,
        responses=pages.schema("JourneyVersionPage", _JourneyVersionShape(many=True)),
    )
    def get(self, request: Request, journey: int) -> Response:
        """List what was published, newest first."""
        rows = selectors.journey(journey).versions.all()
        return Response(pages.page(rows, request.query_params, order=["-number"]).render(_version))


class Schema(APIView):
    required_scope = {"GET": READ}

    @extend_schema(operation_id="journey_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return the JSON Schema of a definition."""
        return Response(schema.schema())
