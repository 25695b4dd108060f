"""Templates and their versions."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.deliveries import selectors, services
from activation.deliveries.api.callers import TEMPLATES_READ, TEMPLATES_WRITE, who
from activation.deliveries.models import Template
from activation.deliveries.rendering import Parts
from identity import pages
from identity.privacy.shapes import valid

# --- Shapes ---


class _TemplateParts(serializers.Serializer[Any]):
    subject = serializers.CharField(required=False, allow_blank=True, max_length=300)
    text = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)
    html = serializers.CharField(required=False, allow_blank=True, trim_whitespace=False)


class _NewTemplate(_TemplateParts):
    name = serializers.SlugField(max_length=100)
    channel = serializers.SlugField(max_length=60)


class _TemplateSample(serializers.Serializer[Any]):
    values = serializers.DictField(required=False, default=dict)


class _TemplateShape(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="What a journey's send names: this very version.")
    name = serializers.CharField()
    version = serializers.IntegerField()
    channel = serializers.CharField()
    subject = serializers.CharField()
    text = serializers.CharField()
    html = serializers.CharField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()


def _template(row: Template) -> dict[str, Any]:
    fields = ("name", "version", "channel", "subject", "text", "html", "created_at", "created_by")
    return {"id": row.pk, **{name: getattr(row, name) for name in fields}}


def _parts(form: dict[str, Any]) -> Parts:
    return Parts(form.get("subject", ""), form.get("text", ""), form.get("html", ""))


# --- Views ---


class Templates(APIView):
    required_scope = {"GET": TEMPLATES_READ, "POST": TEMPLATES_WRITE}

    @extend_schema(
        operation_id="list_templates",
        parameters=pages.PARAMETERS,
        responses=pages.schema("TemplatePage", _TemplateShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List templates, each in its newest version."""
        rows = selectors.templates()
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_template))

    @extend_schema(
        operation_id="save_template", request=_NewTemplate, responses={201: _TemplateShape}
    )
    def post(self, request: Request) -> Response:
        """Store a template, or the next version of one."""
        form = valid(_NewTemplate, request)
        row = services.save_template(form["name"], form["channel"], _parts(form), **who(request))
        return Response(_template(row), status=201)


class OneTemplate(APIView):
    required_scope = {"GET": TEMPLATES_READ, "DELETE": TEMPLATES_WRITE}

    @extend_schema(operation_id="read_template", responses=_TemplateShape)
    def get(self, request: Request, name: str) -> Response:
        """Read the newest version of a template."""
        return Response(_template(selectors.template(name)))

    @extend_schema(operation_id="archive_template", request=None, responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Archive a template: no journey can be published with it; those in force go on, and the next version brings it back."""
        services.archive_template(name, **who(request))
        return Response(status=204)


class Preview(APIView):
    required_scope = {"POST": TEMPLATES_READ}

    @extend_schema(
        operation_id="preview_template", request=_TemplateSample, responses=_TemplateParts
    )
    def post(self, request: Request, name: str) -> Response:
        """Render a template with sample values; a name without one shows itself in brackets."""
        row = selectors.template(name)
        shown = selectors.preview(
            Parts(row.subject, row.text, row.html), valid(_TemplateSample, request)["values"]
        )
        return Response({"subject": shown.subject, "text": shown.text, "html": shown.html})
