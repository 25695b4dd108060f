"""Deliveries: what waits, what went, and what a person decides about one."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.deliveries import selectors, services
from activation.deliveries.api.callers import READ, WRITE, own_channel, who
from activation.deliveries.models import Delivery
from activation.deliveries.types import DeliveryStatus
from identity import pages
from identity.access import caller
from identity.privacy.shapes import valid

# --- Shapes ---


class _DeliveryShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    channel = serializers.CharField()
    message_class = serializers.CharField()
    template = serializers.CharField()
    journey = serializers.IntegerField(allow_null=True)
    node = serializers.CharField()
    status = serializers.CharField()
    reason = serializers.CharField()
    held = serializers.BooleanField()
    tries = serializers.IntegerField()
    decision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    handed_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)
    provider_id = serializers.CharField()


class _DeliveryEvent(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    what = serializers.CharField()
    detail = serializers.CharField()
    by = serializers.CharField()


class _FullDelivery(_DeliveryShape):
    timeline = _DeliveryEvent(many=True)


class _DeliveryResolution(serializers.Serializer[Any]):
    went = serializers.BooleanField(help_text="Whether the message reached its channel.")


def _delivery(row: Delivery) -> dict[str, Any]:
    names = list(_DeliveryShape().fields)
    return {name: getattr(row, name) for name in names if name != "template"} | {
        "template": str(row.template)
    }


def _full(row: Delivery) -> dict[str, Any]:
    return {**_delivery(row), "timeline": selectors.timeline(row)}


# --- Views ---


class Deliveries(APIView):
    required_scope = {"GET": READ}

    @extend_schema(
        operation_id="list_deliveries",
        parameters=[
            *pages.PARAMETERS,
            OpenApiParameter("channel", str),
            OpenApiParameter("status", str, enum=[one.value for one in DeliveryStatus]),
            OpenApiParameter("journey", int),
            OpenApiParameter("profile", str, description="Id of a profile."),
        ],
        responses=pages.schema("DeliveryPage", _DeliveryShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List deliveries, newest first."""
        filters = {name: str(value) for name, value in request.query_params.items()}
        if own := caller(request).channel:
            filters["channel"] = own
        rows = selectors.deliveries(filters)
        return Response(pages.page(rows, request.query_params, order=["-id"]).render(_delivery))


class OneDelivery(APIView):
    required_scope = {"GET": READ, "DELETE": WRITE}

    @extend_schema(operation_id="read_delivery", responses=_FullDelivery)
    def get(self, request: Request, key: str) -> Response:
        """Read a delivery with its timeline."""
        return Response(_full(self._delivery(request, key)))

    @extend_schema(operation_id="cancel_delivery", request=None, responses={200: _FullDelivery})
    def delete(self, request: Request, key: str) -> Response:
        """Take a delivery out of the queue and give the contact back."""
        self._delivery(request, key)
        return Response(_full(services.cancel(key, **who(request))))

    @staticmethod
    def _delivery(request: Request, key: str) -> Delivery:
        row = selectors.delivery(key)
        own_channel(request, row.channel)
        return row


class Resolve(APIView):
    required_scope = {"POST": WRITE}

    @extend_schema(
        operation_id="resolve_delivery", request=_DeliveryResolution, responses=_FullDelivery
    )
    def post(self, request: Request, key: str) -> Response:
        """Settle a delivery of which nobody knows whether it went."""
        own_channel(request, selectors.delivery(key).channel)
        went = valid(_DeliveryResolution, request)["went"]
        return Response(_full(services.resolve(key, went=went, **who(request))))
