"""The people in journeys: how many, who, and what happened to them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import pages
from journeys.api.callers import READ
from journeys.enrolments import selectors as enrolments
from journeys.enrolments.models import Enrolment, Step
from journeys.publishing import selectors

# --- Shapes ---


class _NodeCount(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Number of the version.")
    node = serializers.CharField()
    people = serializers.IntegerField()
    suspended = serializers.IntegerField()


class _EnrolmentShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    journey = serializers.IntegerField()
    journey_name = serializers.CharField()
    version = serializers.IntegerField()
    key = serializers.CharField()
    node = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField()
    entered_at = serializers.DateTimeField()
    wake_at = serializers.DateTimeField(allow_null=True)
    converted_at = serializers.DateTimeField(allow_null=True)
    holdout = serializers.BooleanField()


class _JourneyStepShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    node = serializers.CharField()
    visit = serializers.IntegerField()
    port = serializers.CharField()
    reason = serializers.CharField()


def _enrolment(row: Enrolment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "journey": row.journey_id,
        "journey_name": row.journey.name,
        "version": row.version.number,
        "key": row.key,
        "node": row.node,
        "state": row.state,
        "reason": row.reason,
        "entered_at": row.entered_at,
        "wake_at": row.wake_at,
        "converted_at": row.converted_at,
        "holdout": row.holdout,
    }


def _step(row: Step) -> dict[str, Any]:
    return {
        "at": row.at,
        "node": row.node,
        "visit": row.visit,
        "port": row.port,
        "reason": row.reason,
    }


# --- Views ---


class People(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="count_journey_people",
        parameters=pages.PARAMETERS,
        responses=pages.schema("NodeCountPage", _NodeCount(many=True)),
    )
    def get(self, request: Request, journey: int) -> Response:
        """Count who is inside, per version and node: what a migration map is written from."""
        counts = enrolments.people_per_node(selectors.journey(journey).pk)
        page = pages.of(counts, request.query_params, key=lambda one: (one["number"], one["node"]))
        return Response(page.render(lambda one: one))


class ProfileJourneys(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_profile_journeys",
        parameters=pages.PARAMETERS,
        responses=pages.schema("EnrolmentPage", _EnrolmentShape(many=True)),
    )
    def get(self, request: Request, profile: Any) -> Response:
        """List the runs of a profile through journeys, newest first."""
        rows = enrolments.of_person(profile)
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_enrolment))


class Timeline(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="read_enrolment_timeline",
        parameters=pages.PARAMETERS,
        responses=pages.schema("StepPage", _JourneyStepShape(many=True)),
    )
    def get(self, request: Request, enrolment: int) -> Response:
        """List what happened to one person in one journey, in order, with the reason of every step."""
        rows = enrolments.timeline(enrolment)
        return Response(pages.page(rows, request.query_params, order=["id"]).render(_step))
