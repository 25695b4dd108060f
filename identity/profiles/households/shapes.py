"""How the answers about households are described in the OpenAPI document, and how they read as JSON."""

from typing import Any

from rest_framework import serializers

from identity.profiles import rendering
from identity.profiles.households.selectors import Home, Place, Resident, Summary


class HomeShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    namespace = serializers.CharField()
    value = serializers.CharField(allow_null=True, help_text="Null for personal data.")
    profiles = serializers.IntegerField(help_text="How many people it has now.")


class HouseholdShape(HomeShape):
    created_at = serializers.DateTimeField()
    orders = serializers.IntegerField(help_text="Of all its people, without cancelled ones.")
    revenue = serializers.DictField(child=serializers.CharField())
    contacts = serializers.IntegerField(help_text="What the brand sent to, showed or called them.")


class PlaceShape(HomeShape):
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField(help_text="When a source said so last.")
    count = serializers.IntegerField()


class ResidentShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


def home(one: Home) -> dict[str, Any]:
    return {
        "id": one.uid,
        "namespace": one.namespace,
        "value": one.value,
        "profiles": one.profiles,
    }


def household(one: Summary) -> dict[str, Any]:
    return {
        **home(one.home),
        "created_at": rendering.time(one.home.created_at),
        "orders": one.account.orders,
        "revenue": rendering.revenue(one.account.revenue),
        "contacts": one.contacts,
    }


def place(one: Place) -> dict[str, Any]:
    return {
        **home(one.home),
        "first_at": rendering.time(one.first_at),
        "last_at": rendering.time(one.last_at),
        "count": one.times,
    }


def resident(one: Resident) -> dict[str, Any]:
    return {
        "id": one.uid,
        "first_at": rendering.time(one.first_at),
        "last_at": rendering.time(one.last_at),
    }
