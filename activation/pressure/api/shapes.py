"""What the REST API of pressure reads and answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from activation.pressure import documents, selectors
from activation.pressure.models import (
    Decision,
    LedgerRow,
    MessageClass,
    Policy,
    PolicyVersion,
    QuietHours,
)
from activation.pressure.types import LONGEST_CHANNEL, MAX_WEIGHT, MOST_CHANNELS


class PolicyChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    document = serializers.DictField(
        required=False, help_text="Its JSON Schema is at /pressure/policy-schema."
    )


class NewPolicy(PolicyChange):
    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(max_length=100, required=False, default="")
    document = serializers.DictField()


class PolicyShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    slug = serializers.CharField()
    state = serializers.CharField(help_text="draft, live or archived")
    document = serializers.DictField(help_text="The working copy.")
    version = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class PolicyVersionShape(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    document = serializers.DictField()
    published_at = serializers.DateTimeField()
    published_by = serializers.CharField()


class WeightsForm(serializers.Serializer[Any]):
    weights = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_WEIGHT),
        help_text="Channel -> hundredths of a point.",
    )


class MessageClassForm(serializers.Serializer[Any]):
    weight = serializers.IntegerField(min_value=0, max_value=MAX_WEIGHT, default=100)
    obeys_caps = serializers.BooleanField(default=True)
    counts_toward_caps = serializers.BooleanField(default=True)


class MessageClassShape(MessageClassForm):
    name = serializers.CharField()


@extend_schema_field({"type": "string", "example": "22:00:00"})
class _WallClock(serializers.TimeField):
    """A local time. The document's format "time" would promise an offset."""


class QuietHoursForm(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    start = _WallClock()
    end = _WallClock()
    channels = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_CHANNEL),
        default=list,
        max_length=MOST_CHANNELS,
    )


class QuietHoursShape(QuietHoursForm):
    id = serializers.IntegerField()
    enabled = serializers.BooleanField()


class LedgerRowShape(serializers.Serializer[Any]):
    key = serializers.CharField()
    origin = serializers.CharField()
    status = serializers.CharField()
    channel = serializers.CharField()
    message_class = serializers.CharField()
    journey = serializers.IntegerField(allow_null=True)
    points = serializers.FloatField()
    counts = serializers.BooleanField()
    effective_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField()
    reason = serializers.CharField()


class DecisionShape(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    key = serializers.CharField()
    channel = serializers.CharField()
    message_class = serializers.CharField()
    journey = serializers.IntegerField(allow_null=True)
    decided_at = serializers.DateTimeField()
    at = serializers.DateTimeField()
    passed = serializers.BooleanField()
    reason = serializers.CharField()
    refused_by = serializers.CharField()
    earliest = serializers.DateTimeField(allow_null=True)
    points = serializers.FloatField()
    policies = serializers.ListField(child=serializers.DictField())


class PressureQuestion(serializers.Serializer[Any]):
    profile = serializers.UUIDField()
    channel = serializers.CharField(max_length=60)
    message_class = serializers.CharField(max_length=60, default="marketing")
    at = serializers.DateTimeField(required=False, help_text="Now, if it is not given.")


class PressureAnswer(serializers.Serializer[Any]):
    passes = serializers.BooleanField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    earliest = serializers.DateTimeField(allow_null=True)
    points = serializers.FloatField()
    refused_by = serializers.CharField()
    policies = serializers.ListField(child=serializers.DictField())


class CapForm(serializers.Serializer[Any]):
    profile = serializers.UUIDField()
    channel = serializers.CharField(max_length=60)
    limit = serializers.IntegerField(min_value=0, max_value=1_000_000)
    window_seconds = serializers.IntegerField(
        min_value=60, max_value=documents.MAX_SECONDS, default=86_400
    )
    until = serializers.DateTimeField()


class CapAccepted(serializers.Serializer[Any]):
    command = serializers.IntegerField(
        help_text="The lane carries it out within moments; see /commands/{id}."
    )


def policy(row: Policy) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "slug": row.slug,
        "state": row.state,
        "document": row.document,
        "version": row.version.number if row.version else None,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def version(row: PolicyVersion) -> dict[str, Any]:
    return {
        "number": row.number,
        "document": row.document,
        "published_at": row.published_at,
        "published_by": row.published_by,
    }


def message_class(row: MessageClass) -> dict[str, Any]:
    return {
        "name": row.name,
        "weight": row.weight,
        "obeys_caps": row.obeys_caps,
        "counts_toward_caps": row.counts_toward_caps,
    }


def hours(row: QuietHours) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "start": row.start,
        "end": row.end,
        "channels": row.channels,
        "enabled": row.enabled,
    }


def ledger(row: LedgerRow) -> dict[str, Any]:
    names = ["key", "origin", "status", "channel", "message_class", "journey", "counts"]
    names += ["effective_at", "decided_at", "reason"]
    return {**{name: getattr(row, name) for name in names}, "points": row.points / 100}


def decision(row: Decision) -> dict[str, Any]:
    names = ["id", "key", "channel", "message_class", "journey", "decided_at", "at", "passed"]
    names += ["reason", "earliest"]
    return {
        **{name: getattr(row, name) for name in names},
        "refused_by": row.winner,
        "points": row.points / 100,
        "policies": selectors.uses(row),
    }
