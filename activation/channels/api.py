"""REST: the channels, and those that an operator adds."""

from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activation.channels import registry, services
from activation.channels.models import ChannelConfig, Kind
from activation.channels.registry import Description
from identity import clock, pages
from identity.access import caller

READ, WRITE = "channels:read", "channels:write"


class _ChannelChange(serializers.Serializer[Any]):
    enabled = serializers.BooleanField(required=False)
    addressed_by = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=60,
        help_text="The kind of address that it needs (email, sms, call, push); empty: none.",
    )
    url = serializers.CharField(required=False, allow_blank=True, max_length=500)
    ack_within = serializers.IntegerField(
        required=False,
        min_value=10,
        max_value=86_400,
        help_text="Seconds that a fetched delivery may stay without acknowledgement.",
    )


class _NewChannel(_ChannelChange):
    name = serializers.SlugField(max_length=60)
    kind = serializers.ChoiceField(Kind.choices)


class _ChannelShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    built_in = serializers.BooleanField()
    pull = serializers.BooleanField()
    enabled = serializers.BooleanField()
    addressed_by = serializers.CharField()
    ack_within = serializers.IntegerField()


class _FullChannel(_ChannelShape):
    url = serializers.CharField()
    trouble = serializers.CharField()
    secrets = serializers.ListField(
        child=serializers.CharField(),
        help_text="Of a webhook: the secrets that sign, newest first.",
    )


def _channel(one: Description) -> dict[str, Any]:
    return {
        "name": one.name,
        "built_in": one.name in settings.CHANNELS,
        "pull": one.pull,
        "enabled": one.enabled,
        "addressed_by": one.addressed_by,
        "ack_within": one.ack_within,
    }


def _full(row: ChannelConfig) -> dict[str, Any]:
    webhook = row.kind == Kind.WEBHOOK
    return {
        **_channel(registry.describe(row.name)),
        "url": row.url,
        "trouble": row.trouble,
        "secrets": registry.secrets_of(row) if webhook else [],
    }


def _read(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    form = shape(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _who(request: Request) -> dict[str, Any]:
    return {"actor": caller(request).actor, "now": clock.now()}


class Channels(APIView):
    required_scope = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="list_channels",
        parameters=pages.PARAMETERS,
        responses=pages.schema("ChannelPage", _ChannelShape(many=True)),
    )
    def get(self, request: Request) -> Response:
        """List all channels, by name."""
        page = pages.of(
            registry.descriptions().values(), request.query_params, key=lambda one: (one.name,)
        )
        return Response(page.render(_channel))

    @extend_schema(
        operation_id="create_channel", request=_NewChannel, responses={201: _FullChannel}
    )
    def post(self, request: Request) -> Response:
        """Add a channel that fetches its deliveries or is called with a signed request; the answer holds the secret."""
        form = _read(_NewChannel, request)
        name, kind = form.pop("name"), form.pop("kind")
        return Response(_full(services.create(name, kind, form, **_who(request))), status=201)


class OneChannel(APIView):
    required_scope = {"PATCH": WRITE}

    @extend_schema(operation_id="change_channel", request=_ChannelChange, responses=_FullChannel)
    def patch(self, request: Request, channel: str) -> Response:
        """Change a channel that is not built in."""
        return Response(
            _full(services.change(channel, _read(_ChannelChange, request), **_who(request)))
        )


class Rotation(APIView):
    required_scope = {"POST": WRITE, "DELETE": WRITE}

    @extend_schema(operation_id="rotate_channel_secret", request=None, responses=_FullChannel)
    def post(self, request: Request, channel: str) -> Response:
        """Give a webhook its next secret; the previous one signs along."""
        return Response(_full(services.rotate_secret(channel, **_who(request))))

    @extend_schema(
        operation_id="finish_channel_rotation", request=None, responses={200: _FullChannel}
    )
    def delete(self, request: Request, channel: str) -> Response:
        """Let the previous secret sign no longer."""
        return Response(_full(services.finish_rotation(channel, **_who(request))))


urlpatterns = [
    path("channels", Channels.as_view(), name="api-channels"),
    path("channels/<slug:channel>", OneChannel.as_view(), name="api-channel"),
    path("channels/<slug:channel>/secret", Rotation.as_view(), name="api-channel-secret"),
]
