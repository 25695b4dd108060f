"""The navigation of the console: who, what with, when, operations. Shows what its reader may see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Entry:
    """A link in the navigation: an admin list ("app.model"), or an address by its name."""

    target: str
    icon: str
    title: str | Promise = ""


GROUPS: list[tuple[str | Promise, list[Entry]]] = [
    (
        "",
        [Entry("admin:index", "home", _("Home"))],
    ),
    (
        _("Who"),
        [
            Entry("identity.profile", "person"),
            Entry("identity.decision", "call_split"),
            Entry("identity.household", "home"),
            Entry("identity.identitypolicy", "fingerprint"),
            Entry("identity.source", "input"),
            Entry("identity.writekey", "vpn_key"),
            Entry("identity.consent", "verified_user"),
            Entry("identity.suppression", "block"),
        ],
    ),
    (
        _("What with"),
        [
            Entry("activation.audience", "groups"),
            Entry("activation.membershiplog", "swap_horiz"),
            Entry("activation.template", "draft"),
            Entry("activation.channelconfig", "hub"),
            Entry("activation.policy", "speed"),
            Entry("activation.personcap", "front_hand"),
            Entry("activation.quiethours", "bedtime"),
            Entry("activation.messageclass", "label"),
            Entry("activation.channelweight", "balance"),
            Entry("activation.delivery", "send"),
            Entry("activation.partnerlist", "list_alt"),
            Entry("activation.ledgerrow", "menu_book"),
            Entry("activation.decision", "rule"),
        ],
    ),
    (
        _("When"),
        [
            Entry("journeys.journey", "route"),
            Entry("journeys.enrolment", "directions_walk"),
            Entry("journeys.slot", "web"),
        ],
    ),
    (
        _("Operations"),
        [
            Entry("console-health", "monitor_heart", _("Health")),
            Entry("identity.setaside", "report"),
            Entry("identity.refusal", "do_not_disturb_on"),
            Entry("dmp_site.job", "work_history"),
            Entry("identity.lanecommand", "terminal"),
            Entry("identity.batch", "stacks"),
        ],
    ),
    (
        _("Access"),
        [
            Entry("auth.user", "account_circle"),
            Entry("auth.group", "shield_person", _("Roles")),
            Entry("dmp_site.apikey", "key"),
            Entry("identity.auditentry", "history"),
            Entry("identity.vaultaccess", "lock_open"),
            Entry("identity.erasure", "person_off"),
        ],
    ),
    ("", [Entry("api-docs", "api", _("REST API"))]),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups and links that this user may see, in unfold's form."""
    found = [
        {
            "title": title,
            "separator": not title and number > 0,
            "items": list(_items(request, entries)),
        }
        for number, (title, entries) in enumerate(GROUPS)
    ]
    return [group for group in found if group["items"]]


def listed() -> set[str]:
    """Return every "app.model" that has a place in the navigation."""
    return {entry.target for _title, entries in GROUPS for entry in entries if "." in entry.target}


def link(target: str) -> str:
    """Return the address of an admin list ("app.model") or of a page by its name; "" for a model without a page."""
    if "." not in target:
        return reverse(target)
    label, name = target.split(".")
    return reverse(f"admin:{label}_{name}_changelist") if _page(target) else ""


def _items(request: HttpRequest, entries: list[Entry]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        page = _page(entry.target)
        if "." not in entry.target or (page and page.has_view_permission(request)):
            title = entry.title or capfirst(page.model._meta.verbose_name_plural)  # noqa: SLF001
            yield {"title": title, "icon": entry.icon, "link": link(entry.target)}


def _page(target: str) -> Any:
    """Return the registered admin page of a model, None for what has none."""
    label, _dot, name = target.partition(".")
    model = apps.get_app_config(label).models.get(name) if name else None
    return admin.site._registry.get(model) if model else None  # noqa: SLF001
