"""How the answers about profiles are described in the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from identity.privacy.shapes import SuppressionShape
from identity.profiles import portrait
from identity.profiles.occasions import Doing


class IdentifierShape(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="namespace:value; of personal data its HMAC.")
    namespace = serializers.CharField()
    kind = serializers.ChoiceField(["person", "device", "cookie", "household"])
    value = serializers.CharField(allow_null=True, help_text="Null for personal data.")
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)


class _TraitShape(serializers.Serializer[Any]):
    value = serializers.JSONField()
    at = serializers.DateTimeField()
    source = serializers.CharField()  # type: ignore[assignment]


class _PersonalFieldShape(serializers.Serializer[Any]):
    identifier = serializers.CharField()
    field = serializers.CharField()
    at = serializers.DateTimeField()


class _ContactShape(serializers.Serializer[Any]):
    direction = serializers.CharField(help_text='inbound, outbound or "".')
    channel = serializers.CharField()
    event = serializers.CharField()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "class": serializers.CharField()}


class _VisitShape(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    touchpoints = serializers.IntegerField()


class _VisitsShape(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    latest = _VisitShape(many=True)


class _OrderShape(serializers.Serializer[Any]):
    order_id = serializers.CharField()
    currency = serializers.CharField()
    amount = serializers.CharField(help_text='A sum such as "12.34".')
    net = serializers.CharField(help_text="What is left after refunds.")
    foreign_refunds = serializers.DictField(
        child=serializers.CharField(),
        help_text="Refunds in other currencies than the order's, which are not taken off.",
    )
    cancelled = serializers.BooleanField()
    placed_at = serializers.DateTimeField()


class _OrdersShape(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="Without cancelled ones.")
    revenue = serializers.DictField(child=serializers.CharField())
    latest = _OrderShape(many=True)


class _ConsentShape(serializers.Serializer[Any]):
    purpose = serializers.CharField()
    channel = serializers.CharField()
    granted = serializers.BooleanField()
    at = serializers.DateTimeField()
    said_by = serializers.CharField()


class ProfileShape(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="The present id.")
    merged_into = serializers.UUIDField(
        allow_null=True, help_text="The present id, when another one was asked for."
    )
    first_seen = serializers.DateTimeField(allow_null=True)
    last_seen = serializers.DateTimeField(allow_null=True)
    time_zone = serializers.CharField()
    identifier_count = serializers.IntegerField(help_text="All of them.")
    identifiers = IdentifierShape(
        many=True,
        help_text=f"The {portrait.LISTED} strongest, of equally strong ones those that came last; profiles/{{id}}/identifiers has all, page by page.",
    )
    traits = serializers.DictField(child=_TraitShape())
    personal = _PersonalFieldShape(
        many=True, help_text="What the vault holds of those identifiers."
    )
    contacts = _ContactShape(many=True)
    visits = _VisitsShape()
    orders = _OrdersShape()
    consent = _ConsentShape(many=True)
    suppressions = SuppressionShape(many=True)


class TouchpointShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    type = serializers.CharField()
    event = serializers.CharField()
    direction = serializers.CharField()
    channel = serializers.CharField()
    identifiers = serializers.ListField(
        child=serializers.CharField(),
        help_text="What it carries; a value of a namespace with `max: 1` that is another person's now is left out.",
    )
    traits = serializers.DictField()
    properties = serializers.DictField()

    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            "class": serializers.CharField(),
            "source": serializers.IntegerField(),
            "context": serializers.DictField(),
        }


class LinkShape(serializers.Serializer[Any]):
    between = serializers.ListField(child=serializers.CharField())
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    count = serializers.IntegerField()
    strength = serializers.FloatField(
        help_text="1: they were seen together. Below 1: a model's guess, with this probability."
    )

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "source": serializers.IntegerField()}


class RefusedLinkShape(serializers.Serializer[Any]):
    between = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    evidence = LinkShape(many=True)


class _OccasionShape(serializers.Serializer[Any]):
    doing = serializers.ChoiceField([each.value for each in Doing])
    number = serializers.IntegerField(
        allow_null=True,
        help_text="Of the decision, source, identifier (row), erasure, version of the policy, or touchpoint (inbox) that it was about.",
    )


class MoveShape(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    to = serializers.UUIDField()
    identifiers = serializers.ListField(child=serializers.CharField())
    evidence = serializers.DictField()
    occasion = _OccasionShape(help_text="What the lane was doing.")

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.UUIDField()}


class _CrowdShape(serializers.Serializer[Any]):
    links = serializers.IntegerField()
    identifiers = serializers.IntegerField()
    since = serializers.DateTimeField()
    waiting = serializers.IntegerField(help_text="Touchpoints that wait for its next turn.")
    oldest = serializers.DateTimeField(
        allow_null=True, help_text="When the first of those was received."
    )


class UndecidedShape(serializers.Serializer[Any]):
    profile = serializers.UUIDField(help_text="Of a neighbourhood that is too large: one of many.")
    identifiers = serializers.ListField(
        child=serializers.CharField(),
        help_text="The strongest first; of a neighbourhood that is too large some, the weakest first. Of personal data its HMAC.",
    )
    too_large = _CrowdShape(
        allow_null=True, help_text="Of a neighbourhood with too many links; null for a profile."
    )


class _EventCountShape(serializers.Serializer[Any]):
    event = serializers.CharField()
    direction = serializers.CharField()
    channel = serializers.CharField()
    count = serializers.IntegerField()


class TotalsShape(serializers.Serializer[Any]):
    profiles = serializers.IntegerField()
    identifiers = serializers.IntegerField()
    orders = serializers.IntegerField()
    revenue = serializers.DictField(child=serializers.CharField())
    contacts = serializers.IntegerField(help_text="What the brand sent, showed or called.")
    visits = serializers.IntegerField()
    events = _EventCountShape(many=True)
