"""What REST callers may ask for about consent and suppression, checked at the door."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

LONGEST = 60


class ConsentWish(serializers.Serializer[Any]):
    purpose = serializers.CharField(max_length=100)
    channel = serializers.CharField(
        max_length=LONGEST, default="*", help_text='"*" stands for every channel.'
    )
    granted = serializers.BooleanField()


class SuppressionWish(serializers.Serializer[Any]):
    channel = serializers.CharField(
        max_length=LONGEST, default="*", help_text='"*" stands for every channel.'
    )
    active = serializers.BooleanField(
        default=True, help_text="False lifts whatever closes the channel, bounces included."
    )


class Asked(serializers.Serializer[Any]):
    command = serializers.IntegerField(
        help_text="Number of the lane's command; see /commands/{id}."
    )


class Named(serializers.Serializer[Any]):
    """An identifier in the clear; personal data is hashed and not kept."""

    namespace = serializers.CharField(max_length=60)
    value = serializers.CharField(max_length=512, trim_whitespace=False)
    region = serializers.CharField(
        max_length=2, required=False, default="", help_text="ISO 3166; completes a phone number."
    )


class SuppressionShape(serializers.Serializer[Any]):
    identifier = serializers.CharField(help_text="namespace:value; of personal data its HMAC.")
    channel = serializers.CharField()
    reason = serializers.CharField()
    since = serializers.DateTimeField()
    said_by = serializers.CharField()


def valid(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the body as `shape` reads it. Raises DRF's ValidationError."""
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)
