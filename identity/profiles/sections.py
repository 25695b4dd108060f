"""The tables of a profile's page. Higher floors add theirs through dmp_site (see ProfileAdmin.panels)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Model
from django.http import HttpRequest
from django.template.defaultfilters import date
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from identity import clock
from identity.clock import Instant
from identity.profiles import money
from identity.profiles.orders import Order
from identity.profiles.portrait import Member, Portrait
from identity.touchpoints.types import Identifier

_SHORT = 12  # digits of an HMAC
_LONGEST = 60  # characters of an identifier in a table


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the page. Cells are escaped unless they are safe strings. `note` stands below the table."""

    title: str | Promise
    headers: Sequence[str | Promise]
    rows: Sequence[Sequence[Any]]
    note: str | Promise = ""


Panel = Callable[[HttpRequest, int], Sequence[Section]]  # of a profile's row id


def linked(row: Model | None, text: str = "") -> SafeString | str:
    """Write a row as a link to its page in the console; "-" for none."""
    if row is None:
        return "-"
    meta = row._meta  # noqa: SLF001
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a class="text-primary-600" href="{}">{}</a>', address, text or str(row))


def moment(at: datetime | None) -> str:
    """Write a time of a row for people, "-" for never."""
    return "-" if at is None else when(clock.from_datetime(at))


def when(instant: Instant | None) -> str:
    """Write an instant for people, "-" for never."""
    if not instant:
        return "-"
    return str(date(clock.to_datetime(instant), "Y-m-d H:i:s"))


def short(key: str, *, personal: bool) -> str:
    """Write an identifier: of personal data the namespace and the first digits of its HMAC, of others no more than fits into a table."""
    identifier = Identifier.of(key)
    return f"{identifier.namespace}: {identifier.value[:_SHORT]}…" if personal else cut(key)


def cut(text: str) -> str:
    """Leave out the end of what would widen a table beyond the page."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


class Names:
    """How the page writes the identifiers of its profile, and the sources."""

    def __init__(self, members: Sequence[Member], sources: dict[int, str]) -> None:
        self._personal = {member.key for member in members if member.value is None}
        self._sources = sources

    def identifier(self, one: Identifier | str) -> str:
        key = one if isinstance(one, str) else one.key
        return short(key, personal=key in self._personal or _is_digest(key))

    def source(self, row: int) -> str:
        return self._sources.get(row, str(row))

    def said_by(self, who: str) -> str:
        kind, _sep, row = who.partition(":")
        return self.source(int(row)) if kind == "source" and row.isdigit() else who


def _is_digest(key: str) -> bool:
    value = Identifier.of(key).value
    return len(value) == 64 and all(digit in "0123456789abcdef" for digit in value)  # noqa: PLR2004 - SHA-256


def about(one: Portrait, names: Names) -> list[Section]:
    """Return what is known of the person."""
    return [
        _identifiers(one, names),
        _traits(one),
        _orders(one),
        _contacts(one),
        _visits(one),
        _consent(one, names),
        _closed(one, names),
    ]


def _identifiers(one: Portrait, names: Names) -> Section:
    return Section(
        _("Identifiers"),
        [_("identifier"), _("kind"), _("first seen"), _("last active")],
        [
            [names.identifier(each.key), each.kind, when(each.first_at), when(each.last_at)]
            for each in one.listed
        ],
        " ".join(filter(None, [_untimed(one), _unlisted(one)])),
    )


def _untimed(one: Portrait) -> str:
    """Say why some have no times: a touchpoint counts under the strongest of its identifiers. "" when all have some."""
    if all(each.first_at is not None for each in one.listed):
        return ""
    return _("“-”: seen only together with a stronger identifier, which has the times.")


def _unlisted(one: Portrait) -> str:
    """Say how many identifiers there are and where all of them can be had, "" when all are listed."""
    if len(one.listed) == len(one.members):
        return ""
    return _(
        "%(listed)s of %(all)s identifiers are shown: the strongest, and of equally strong ones those that came last. "
        "GET %(address)s has all of them."
    ) % {
        "listed": f"{len(one.listed):,}",
        "all": f"{len(one.members):,}",
        "address": reverse("api-profile-identifiers", args=[one.facts.uid]),
    }


def _traits(one: Portrait) -> Section:
    return Section(
        _("Traits"),
        [_("trait"), _("value"), _("since"), _("source")],
        [[each.name, text(each.value), when(each.at), each.source] for each in one.traits],
    )


def _orders(one: Portrait) -> Section:
    return Section(
        _("Orders"),
        [_("order"), _("placed"), _("amount"), _("left after refunds")],
        [
            [
                order_id,
                when(order.placed_at),
                cash(order.amount, order.currency),
                _("cancelled") if order.cancelled else left(order),
            ]
            for order_id, order in one.latest_orders
        ],
    )


def _contacts(one: Portrait) -> Section:
    return Section(
        _("Contacts"),
        [_("event"), _("direction"), _("channel"), _("class"), _("count"), _("last")],
        [
            [
                each.event,
                each.direction or "-",
                each.channel or "-",
                each.message_class or "-",
                each.times,
                when(each.last_at),
            ]
            for each in one.contacts
        ],
    )


def _visits(one: Portrait) -> Section:
    return Section(
        _("Visits"),
        [_("began"), _("ended"), _("touchpoints")],
        [
            [when(each.started_at), when(each.ended_at), each.touchpoints]
            for each in one.latest_visits
        ],
    )


def _consent(one: Portrait, names: Names) -> Section:
    return Section(
        _("Consent"),
        [_("purpose"), _("channel"), _("answer"), _("since"), _("source")],
        [
            [
                each.purpose,
                each.channel,
                _("yes") if each.granted else _("no"),
                when(each.at),
                names.said_by(each.said_by),
            ]
            for each in one.consent
        ],
    )


def _closed(one: Portrait, names: Names) -> Section:
    return Section(
        _("Closed channels"),
        [_("channel"), _("reason"), _("identifier"), _("since"), _("source")],
        [
            [
                each.channel,
                each.reason,
                names.identifier(each.identifier),
                when(each.since),
                names.said_by(each.said_by),
            ]
            for each in one.bars
        ],
    )


def cash(units: int, code: str) -> str:
    """Write minor units for people."""
    return f"{money.major(units, code):,} {code}"


def left(order: Order) -> str:
    """Write what is left of an order after refunds; those in another currency stand beside it."""
    foreign = [cash(units, code) for code, units in order.foreign.items()]
    rest = cash(order.net, order.currency)
    return (
        _("%(sum)s; refunded apart: %(others)s") % {"sum": rest, "others": ", ".join(foreign)}
        if foreign
        else rest
    )


def text(value: Any, longest: int = 160) -> str:
    """Write a value for people: texts as they are, the rest as JSON, cut when it is long."""
    said = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    said = "" if said == "{}" else said
    return said if len(said) <= longest else f"{said[:longest]}…"
