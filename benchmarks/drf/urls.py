"""POST /v1/batch."""

import base64
import uuid
from typing import Any

from django.urls import path
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.drf.models import Event
from identity.clock import now
from identity.touchpoints.models import WriteKey
from identity.touchpoints.sources import digest

_TYPES = ["identify", "track", "page", "screen", "group", "alias"]


class ByWriteKey(BaseAuthentication):
    """Finds the source by its write key."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        token = request.headers.get("Authorization", "").removeprefix("Basic ")
        key = base64.b64decode(token).decode().split(":")[0]
        known = WriteKey.objects.select_related("source")
        found = known.filter(digest=digest(key), revoked_at=None).first()
        if found is None:
            raise AuthenticationFailed("invalid write key")
        return None, found


def _fields() -> dict[str, Any]:
    """Return what is checked of an event; a class body could not hold `context`, which DRF uses itself."""
    return {
        "type": serializers.ChoiceField(_TYPES),
        "messageId": serializers.CharField(max_length=100, required=False),
        "userId": serializers.CharField(required=False, allow_null=True),
        "anonymousId": serializers.CharField(required=False, allow_null=True),
        "event": serializers.CharField(required=False),
        "context": serializers.DictField(required=False),
        "properties": serializers.DictField(required=False),
        "traits": serializers.DictField(required=False),
    }


class EventSerializer(serializers.Serializer[Any]):
    """Checks one event."""

    def get_fields(self) -> dict[str, Any]:
        return _fields()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("userId") and not attrs.get("anonymousId"):
            raise serializers.ValidationError("userId or anonymousId is required")
        return attrs


class BatchView(APIView):
    """Takes a batch of events."""

    authentication_classes = [ByWriteKey]
    permission_classes = []

    def post(self, request: Request) -> Response:
        body: Any = request.data
        serializer = EventSerializer(data=body["batch"], many=True)
        serializer.is_valid(raise_exception=True)
        key: Any = request.auth
        validated: Any = serializer.validated_data
        moment = now()
        Event.objects.bulk_create(
            Event(
                source=key.source_id,
                message_id=each.get("messageId") or str(uuid.uuid4()),
                type=each["type"],
                received_at=moment,
                payload=each,
            )
            for each in validated
        )
        return Response({"success": True})


urlpatterns = [path("v1/batch", BatchView.as_view())]
