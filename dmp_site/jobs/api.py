"""REST: long jobs, how far they are, and ending one."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dmp_site.jobs import runner, selectors
from dmp_site.models import Job
from identity import clock, pages
from identity.access import actor

READ, WRITE = "jobs:read", "jobs:write"


class JobShape(serializers.Serializer[Any]):
    """A long job."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField(help_text="waiting, running, done, failed or cancelled")
    processed = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    cancel = serializers.BooleanField(help_text="It ends after its present step.")
    found = serializers.DictField(
        help_text="What a job that looks for something has found so far; else empty."
    )
    error = serializers.CharField()
    actor = serializers.CharField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


def shown(row: Job) -> dict[str, Any]:
    """Return the job in that shape."""
    told = {name: getattr(row, name) for name in list(JobShape().fields) if name != "found"}
    return {**told, "found": row.checkpoint.get("found", {})}


class Jobs(APIView):
    """Long jobs."""

    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_jobs",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("state", str, enum=Job.State.values),
            OpenApiParameter("kind", str),
        ],
        responses=pages.schema("JobPage", JobShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List jobs, newest first."""
        rows = selectors.jobs(
            state=request.query_params.get("state", ""), kind=request.query_params.get("kind", "")
        )
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(shown))


class OneJob(APIView):
    """One job."""

    required_scope = {"GET": READ}

    @extend_schema(operation_id="read_job", responses=JobShape)
    def get(self, request: Request, job: int) -> Response:
        """Return the job."""
        return Response(shown(selectors.job(job)))


class Cancel(APIView):
    """Ends a job."""

    required_scope = {"POST": WRITE}

    @extend_schema(operation_id="cancel_job", request=None, responses=JobShape)
    def post(self, request: Request, job: int) -> Response:
        """Ask a job to end after its present step; one that waits ends at once."""
        runner.cancel(job, clock.now(), actor=actor(request))
        return Response(shown(selectors.job(job)))


urlpatterns = [
    path("jobs", Jobs.as_view(), name="api-jobs"),
    path("jobs/<int:job>", OneJob.as_view(), name="api-job"),
    path("jobs/<int:job>/cancel", Cancel.as_view(), name="api-job-cancel"),
]
