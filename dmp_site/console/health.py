"""Health: one word for load balancers, everything for people."""

from django.contrib import admin
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from dmp_site.console import checks
from identity.clock import now


def alive(_request: HttpRequest) -> HttpResponse:
    """GET /health: 200 while the console can reach its database, else 503. Says nothing else to anybody."""
    try:
        connection.ensure_connection()
    except DatabaseError:
        return JsonResponse({"status": "database away"}, status=503)
    return JsonResponse({"status": "ok"})


def page(request: HttpRequest) -> HttpResponse:
    """Show every check; the page fetches `findings` again and again."""
    given = admin.site.each_context(request) | {
        "title": _("Health"),
        "findings": checks.run(now()),
    }
    return render(request, "console/health.html", given)


def findings(request: HttpRequest) -> HttpResponse:
    """Answer the checks alone."""
    return render(request, "console/findings.html", {"findings": checks.run(now())})


class Health(APIView):
    """Every check of the installation."""

    required_scope = "health:read"

    @extend_schema(
        tags=["operations"],
        summary="Check the installation",
        responses=inline_serializer(
            "Health",
            {
                "status": serializers.ChoiceField([level.value for level in checks.Level]),
                "checks": inline_serializer(
                    "Finding",
                    {
                        "name": serializers.CharField(),
                        "level": serializers.ChoiceField([level.value for level in checks.Level]),
                        "what": serializers.CharField(),
                        "mend": serializers.CharField(allow_blank=True),
                    },
                    many=True,
                ),
            },
        ),
    )
    def get(self, _request: Request) -> Response:
        """Run the checks that `manage.py doctor` runs. `mend` is the command that mends a fault."""
        found = checks.run(now())
        return Response({"status": checks.worst(found), "checks": [_shape(one) for one in found]})


def _shape(finding: checks.Finding) -> dict[str, str]:
    return {
        "name": finding.name,
        "level": finding.level,
        "what": finding.what,
        "mend": finding.mend,
    }


health_page = admin.site.admin_view(page)
findings_page = admin.site.admin_view(findings)
