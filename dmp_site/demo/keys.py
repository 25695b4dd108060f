"""The keys of the demo's shop."""

from django.db import transaction

from dmp_site import apikeys
from identity.clock import Instant
from identity.touchpoints import sources

ACTOR = "command:demo"
SHOP = "Corner Market"


def make(now: Instant) -> tuple[str, str]:
    """Make the shop's write key, and the key with which its server reads; return both."""
    with transaction.atomic():
        shop = sources.ensure(SHOP, "site", now, actor=ACTOR)
        _, write_key = sources.create_key(shop.pk, now, actor=ACTOR)
        _, api_key = apikeys.create(SHOP, ["*:read"], now, actor=ACTOR)
    return write_key, api_key
