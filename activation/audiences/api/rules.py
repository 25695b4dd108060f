"""Rules, read and explained."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.audiences import reading, schema, sentences
from activation.audiences.api.callers import READ
from activation.audiences.rules import to_json
from identity.privacy.shapes import valid

# --- Shapes ---


class _RuleForm(serializers.Serializer[Any]):
    rule = serializers.DictField()


class _RuleShape(serializers.Serializer[Any]):
    rule = serializers.DictField(help_text="The rule in its one form.")
    sentence = serializers.CharField()


# --- Views ---


class Rules(APIView):
    """Checks rules."""

    required_scope = {"POST": READ}

    @extend_schema(operation_id="check_rule", request=_RuleForm, responses=_RuleShape)
    def post(self, request: Request) -> Response:
        """Read a rule and say what it means; one that cannot be read is answered with 422 and the place in it."""
        rule = reading.parse(valid(_RuleForm, request)["rule"])
        return Response({"rule": to_json(rule), "sentence": sentences.sentence(rule)})


class RuleSchema(APIView):
    """The JSON Schema of rules."""

    required_scope = {"GET": READ}

    @extend_schema(operation_id="rule_schema", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Return the JSON Schema of a rule."""
        return Response(schema.rule())
