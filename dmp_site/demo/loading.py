"""Loads the data set through the product: files are written, imported as history, and the product is asked whether all is there."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from dmp_site.demo import dataset, keys, places
from identity import clock
from identity.touchpoints import inbox, sources

Say = Callable[[str], object]
_COLUMNS = (
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)
_WHO = {"user_id": "household_id"}
_EVERY = 5.0  # seconds between two lines of progress

DEMOGRAPHICS: dict[str, Any] = {
    "type": "identify",
    "identifiers": _WHO,
    "key": ["household_id"],
    "traits": {name: name for name in _COLUMNS},
}
CONTACTS: dict[str, Any] = {
    "type": "track",
    "event": {"value": "Campaign Contacted"},
    "identifiers": _WHO,
    "time": "at",
    "key": ["household_id", "campaign_id"],
    "properties": {
        "campaign_id": "campaign_id",
        "name": "campaign_type",
        "channel": {"value": "mail"},
        "direction": {"value": "outbound"},
    },
}
REDEMPTIONS: dict[str, Any] = {
    "type": "track",
    "event": {"value": "Coupon Redeemed"},
    "identifiers": _WHO,
    "time": "at",
    "key": ["household_id", "coupon_upc", "campaign_id", "at"],
    "properties": {"coupon_id": "coupon_upc", "campaign_id": "campaign_id"},
}


class Wrong(Exception):
    """The data is not in as it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the data: the file that `write` makes (it returns how many rows), and how it comes in."""

    file: str
    what: str
    write: Callable[[Path], int]
    source: str
    kind: str
    mapping: Mapping[str, Any] | None = None


def parts(households: int, weeks: int) -> list[Part]:
    """Return everything that is imported. Baskets are Segment events already, so they need no mapping."""
    return [
        Part(
            "demographics.csv",
            "people of the CRM",
            partial(dataset.write_demographics, households=households),
            "CRM",
            "crm",
            DEMOGRAPHICS,
        ),
        Part(
            "contacts.csv",
            "contacts",
            partial(dataset.write_contacts, households=households, weeks=weeks),
            "Campaigns",
            "crm",
            CONTACTS,
        ),
        Part(
            "redemptions.csv",
            "coupons",
            partial(dataset.write_redemptions, households=households, weeks=weeks),
            "Coupons",
            "server",
            REDEMPTIONS,
        ),
        Part(
            "orders.jsonl",
            "baskets",
            partial(dataset.write_orders, households=households, weeks=weeks),
            "Tills",
            "server",
        ),
    ]


def load(part: Part, say: Say) -> None:
    """Write the file unless it is complete, and import it; an import that was interrupted goes on. Raises Wrong."""
    path = places.folder() / part.file
    if not path.exists():
        say(f"Writing the {part.what}")
        fresh = path.with_suffix(".new")
        written = part.write(fresh)
        fresh.replace(path)
        say(f"Importing {written:,} {part.what}")
    sources.ensure(part.source, part.kind, clock.now(), actor=keys.ACTOR)
    options: dict[str, Any] = {"source": part.source}
    if part.mapping is not None:
        options["mapping"] = path.with_suffix(".mapping.json")
        options["mapping"].write_bytes(msgspec.json.format(msgspec.json.encode(part.mapping)))
    try:
        call_command("import_touchpoints", path, **options)
    except CommandError as error:
        raise Wrong(str(error)) from error
    path.unlink()


def check(households: int, api_key: str, stopped: Callable[[float], bool], say: Say) -> None:
    """Wait until the lane has processed everything, then compare the product's answers with the data set. Raises Wrong."""
    if not _processed(stopped, say):
        raise Wrong("stopped before everything was processed; the next start goes on")
    found, expected = _answered(api_key), dataset.totals(households)
    if found != expected:
        raise Wrong(f"the product answers {found}; the data set has {expected}")
    say(
        f"The product answers: {found.profiles:,} people, {found.orders:,} orders worth {found.revenue / 100:,.2f} {dataset.CURRENCY},"
        f" {found.contacts:,} contacts, {found.redemptions:,} redemptions"
    )


def _answered(api_key: str) -> dataset.Totals:
    """Ask the product for its totals. Raises httpx.HTTPError, also for an answer that is none."""
    answer = httpx.get(
        f"{settings.CONSOLE_URL}/api/v1/profiles/totals",
        headers={"Authorization": f"Bearer {api_key}"},
        timeout=60,
        trust_env=False,
    )
    body = answer.raise_for_status().json()
    redeemed = (one["count"] for one in body["events"] if one["event"] == "Coupon Redeemed")
    return dataset.Totals(
        profiles=body["profiles"],
        orders=body["orders"],
        revenue=int(Decimal(body["revenue"].get(dataset.CURRENCY, "0")) * 100),
        contacts=body["contacts"],
        redemptions=sum(redeemed),
    )


def _processed(stopped: Callable[[float], bool], say: Say) -> bool:
    """Say every few seconds how many touchpoints wait; return False when told to stop."""
    reader, said_at = inbox.reader(), 0.0
    while True:
        backlog = reader.backlog()
        waiting = backlog.live + backlog.history
        if not waiting:
            return True
        if time.monotonic() - said_at >= _EVERY:
            say(f"  {waiting:,} touchpoints wait for the lane")
            said_at = time.monotonic()
        if stopped(0.5):
            return False
