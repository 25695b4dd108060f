"""What the lane put aside, and what became of a command to it."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from identity import clock, pages
from identity.access import actor
from identity.privacy.shapes import Asked
from identity.touchpoints import aside, selectors
from identity.touchpoints.models import LaneCommand, SetAside

READ, WRITE = "sources:read", "sources:write"
COMMANDS_READ = "commands:read"
STATES = ("trying", "aside", "again", "waiting")


# --- Shapes ---


class _SetAsideShape(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Its number in the inbox.")
    state = serializers.CharField(help_text=f"One of {', '.join(STATES)}.")
    touchpoint = serializers.CharField()
    mode = serializers.CharField()
    tries = serializers.IntegerField()
    error = serializers.CharField()
    received_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "source": serializers.IntegerField()}


class _CommandShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField(help_text="waiting, done, or failed (then `error` says why).")
    error = serializers.CharField()
    asked_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    done_at = serializers.DateTimeField(allow_null=True)


def _aside(row: SetAside) -> dict[str, Any]:
    return {name: getattr(row, name) for name in list(_SetAsideShape().fields)}


def _command(row: LaneCommand) -> dict[str, Any]:
    over = "failed" if row.error else "done"
    return {
        "id": row.pk,
        "kind": row.kind,
        "state": over if row.done_at else "waiting",
        "error": row.error,
        "asked_by": row.actor,
        "created_at": row.created_at,
        "done_at": row.done_at,
    }


# --- Views ---


class Asides(APIView):
    """Touchpoints that failed alone."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_set_aside",
        parameters=[*pages.PARAMETERS, OpenApiParameter("state", str, enum=STATES)],
        responses=pages.schema("SetAsidePage", _SetAsideShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List touchpoints that failed alone, the latest first; with state=waiting those that wait for a crowd's turn."""
        rows = selectors.set_aside(request.query_params.get("state", ""))
        return Response(pages.page(rows, request.query_params, order=["-number"]).render(_aside))


class TryAgain(APIView):
    """Gives a set-aside touchpoint back to the lane."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="retry_set_aside", request=None, responses={202: Asked})
    def post(self, request: Request, number: int) -> Response:
        """Let the lane take the touchpoint once more, under its original number."""
        command = aside.retry(number, actor(request), clock.now())
        return Response({"command": command}, status=202)


class OneCommand(APIView):
    """A command of the lane."""

    required_scope = {"GET": COMMANDS_READ}

    @extend_schema(operation_id="read_command", responses=_CommandShape)
    def get(self, request: Request, command: int) -> Response:
        """Say what became of something that was answered with 202. Forgotten with the other old records."""
        return Response(_command(selectors.command(command)))
