"""What a marketer of the shop would have set up: audiences, pressure policies, mails, two journeys. Made once, by the rooms' services."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from activation.audiences import services as audiences
from activation.audiences.models import Audience
from activation.deliveries import services as deliveries
from activation.deliveries.models import Template
from activation.deliveries.rendering import Parts
from activation.pressure import services as pressure
from activation.pressure.models import Policy
from dmp_site.demo import dataset, places
from dmp_site.demo.keys import ACTOR
from identity.clock import Instant
from journeys.publishing import services as journeys
from journeys.publishing.models import Journey

SLOT = "hero"
SIGNED_UP, BOUGHT = "Signed Up", "Order Completed"
WELCOME, ORDER = "Welcome", "Order confirmation"
Document = dict[str, Any]

_GREENS: Document = {"property": "category", "op": "in", "value": ["Fruit", "Vegetables"]}

# Short name -> name, description, rule.
AUDIENCES: Mapping[str, tuple[str, str, Document]] = {
    "big-spenders": (
        "Big spenders",
        "Spent 3,000 or more in all.",
        {"counter": "revenue", "currency": dataset.CURRENCY, "op": "ge", "value": 300_000},
    ),
    "coupon-users": (
        "Coupon users",
        "Redeemed a coupon within a year.",
        {"did": "Coupon Redeemed", "within_days": 365},
    ),
    "families": (
        "Families",
        "The CRM knows of children.",
        {"trait": "kids_count", "op": "in", "value": ["1", "2", "3+"]},
    ),
    "recent-buyers": (
        "Bought in the last 30 days",
        "Who does not buy for 30 days leaves by the clock alone.",
        {"did": BOUGHT, "within_days": 30},
    ),
    "fruit-and-vegetables": (
        "Likes fruit and vegetables",
        "Looked at one of these aisles in the shop, or at two of their products.",
        {
            "or": [
                {"did": "Product List Viewed", "within_days": 7, "where": [_GREENS]},
                {"did": "Product Viewed", "at_least": 2, "within_days": 7, "where": [_GREENS]},
            ]
        },
    ),
}

# Short name -> name, document.
POLICIES: Mapping[str, tuple[str, Document]] = {
    "marketing-mails": (
        "At most 3 marketing mails a week",
        {
            "limit": 3,
            "window": {"kind": "rolling", "seconds": 7 * 86_400},
            "scope": {"channels": ["email"], "classes": ["marketing"]},
        },
    ),
    "display": (
        "At most 5 advertisements a day",
        {
            "limit": 5,
            "window": {"kind": "calendar", "period": "day"},
            "scope": {"channels": ["display"]},
        },
    ),
}


def make(now: Instant) -> None:
    """Make what is not there yet, all of it or nothing; a second time it makes nothing twice. Raises DomainError."""
    with transaction.atomic():
        for slug, audience in AUDIENCES.items():
            _audience(slug, *audience, now=now)
        for slug, (name, document) in POLICIES.items():
            _policy(slug, name, document, now)
        mails = {name: _template(name, parts, now) for name, parts in _mails().items()}
        _journey(WELCOME, _welcome(mails), now)
        _journey(ORDER, _order(mails), now)


def _audience(slug: str, name: str, description: str, rule: Document, *, now: Instant) -> None:
    if Audience.objects.filter(slug=slug).exists():
        return
    made = audiences.create(
        name, slug=slug, description=description, rule=rule, actor=ACTOR, now=now
    )
    audiences.publish(made.pk, actor=ACTOR, now=now)


def _policy(slug: str, name: str, document: Document, now: Instant) -> None:
    if not Policy.objects.filter(slug=slug).exists():
        made = pressure.create(name, document, slug=slug, actor=ACTOR, now=now)
        pressure.publish(made.pk, actor=ACTOR, now=now)


def _template(name: str, parts: Parts, now: Instant) -> int:
    """Return the row id of the mail's newest version."""
    known = Template.objects.filter(name=name).order_by("-version").first()
    return (known or deliveries.save_template(name, "email", parts, actor=ACTOR, now=now)).pk


def _journey(name: str, draft: Document, now: Instant) -> None:
    if not Journey.objects.filter(name=name).exists():
        made = journeys.create(name, draft, ACTOR, now)
        journeys.publish(made.pk, actor=ACTOR, now=now)


# --- Mails ---


def _mails() -> dict[str, Parts]:
    return {
        "welcome": _mail(
            "Welcome to Corner Market",
            "Good food, round the corner. Open this mail within two minutes, and the shop has something for you.",
            ("See what is fresh", "#/aisle/Vegetables"),
        ),
        "thanks": _mail(
            "Thank you for reading us",
            "You read our mail, so we show you fewer advertisements, and fresh fruit at the top of the shop.",
            ("Fresh fruit", "#/aisle/Fruit"),
        ),
        "reminder": _mail(
            "Did you miss our welcome?",
            "Our first mail was not opened for two minutes. This one is shorter: the bread is warm.",
            ("To the bakery", "#/aisle/Bakery"),
        ),
        "order": _mail(
            "Your order {{ event.key }}",
            "Thank you! Your order is being packed. This mail comes to everybody who buys: it is no advertisement.",
            ("Back to the shop", "#/"),
        ),
    }


_HTML = (
    '<!doctype html><html lang="en"><body style="margin:0;background:#f6f3ea;font:16px/1.5 system-ui,sans-serif;color:#1f2a2e">'
    '<div style="max-width:32rem;margin:0 auto;padding:1.5rem"><p style="color:#1d6b4f;font-weight:700">Corner Market</p>'
    '<h1 style="font-size:1.4rem">{title}</h1><p>{text}</p>'
    '<p><a style="display:inline-block;padding:.6rem 1.1rem;border-radius:2rem;background:#1d6b4f;color:#fff;text-decoration:none"'
    ' href="{href}">{button}</a></p>'
    '<p style="font-size:.8rem;color:#66757a"><a style="color:inherit" href="{{{{ unsubscribe_url }}}}">No more offers</a></p>'
    "</div></body></html>"
)


def _mail(title: str, text: str, button: tuple[str, str]) -> Parts:
    """Write a mail; `button`: its words and its address inside the shop. The text part is made from the HTML."""
    words, address = button
    href = f"{places.shop_url()}/{address}"
    return Parts(subject=title, html=_HTML.format(title=title, text=text, button=words, href=href))


# --- Journeys ---


def _welcome(mails: Mapping[str, int]) -> Document:
    """Two minutes decide: who opens the first mail is treated differently by the ads, the site and the next mail."""
    nodes = {
        "sign_up": _node("Signed up", "entry", on="touchpoint", event=SIGNED_UP),
        "welcome": _node("Welcome mail", "send", channel="email", template=mails["welcome"]),
        "opened": _node(
            "Opened within two minutes?",
            "wait_for",
            branches=[{"port": "opened", "match": {"event": "Email Opened", "of": "welcome"}}],
            timeout="PT2M",
        ),
        "fewer_ads": _node(
            "Fewer advertisements", "capping", channel="display", limit=1, lasts="P7D"
        ),
        "fresh": _slot(
            "Fresh fruit, just for you",
            "You read our mail. So this is your top of the shop, and you see fewer advertisements.",
            ("Fresh fruit", "#/aisle/Fruit"),
        ),
        "thanks": _node("Thanks mail", "send", channel="email", template=mails["thanks"]),
        "warm": _slot(
            "The bread is warm",
            "You have not read our mail yet. That is fine: here is what it said.",
            ("To the bakery", "#/aisle/Bakery"),
        ),
        "reminder": _node("Reminder mail", "send", channel="email", template=mails["reminder"]),
        "no_mail": _slot(
            "Good to have you here",
            "You did not ask for offers, so we write none.",
            ("Look around", "#/"),
        ),
        "end": _node("End", "exit"),
    }
    edges = [
        ("sign_up", "next", "welcome"),
        ("welcome", "sent", "opened"),
        ("welcome", "unreachable", "no_mail"),
        ("opened", "opened", "fewer_ads"),
        ("opened", "timeout", "warm"),
        ("fewer_ads", "next", "fresh"),
        ("fresh", "next", "thanks"),
        ("warm", "next", "reminder"),
        ("thanks", "sent", "end"),
        ("reminder", "sent", "end"),
        ("no_mail", "next", "end"),
    ]
    return _drawn(nodes, edges, {"message_class": "marketing", "priority": 10})


def _order(mails: Mapping[str, int]) -> Document:
    """Confirm every order, whatever was said about offers."""
    nodes = {
        "bought": _node("Bought", "entry", on="touchpoint", event=BOUGHT, key="order_id"),
        "confirmation": _node("Confirmation", "send", channel="email", template=mails["order"]),
        "on_its_way": _slot(
            "Your order is on its way",
            "Thank you! This banner lasts a minute.",
            ("Something else?", "#/"),
            lasts="PT1M",
        ),
        "end": _node("End", "exit"),
    }
    edges = [
        ("bought", "next", "confirmation"),
        ("confirmation", "sent", "on_its_way"),
        ("confirmation", "unreachable", "on_its_way"),
        ("on_its_way", "next", "end"),
    ]
    settings = {
        "message_class": "transactional",
        "re_entry": {"mode": "always"},
        "priority": 20,
    }
    return _drawn(nodes, edges, settings)


def _node(name: str, kind: str, **config: Any) -> Document:
    return {"type": kind, "name": name, "config": config}


def _slot(title: str, text: str, button: tuple[str, str], lasts: str = "P1D") -> Document:
    words, href = button
    content = {"title": title, "text": text, "button": words, "href": href}
    return _node(f"Top of the shop: {title}", "site_slot", slot=SLOT, content=content, lasts=lasts)


def _drawn(
    nodes: Mapping[str, Document], edges: Sequence[tuple[str, str, str]], settings: Document
) -> Document:
    """Return the definition, its nodes laid out by their distance from the entry."""
    column = {next(iter(nodes)): 0}
    for origin, _, target in edges:
        column[target] = max(column.get(target, 0), column[origin] + 1)
    rows: dict[int, int] = {}
    layout = {}
    for name in nodes:
        row = rows.setdefault(column[name], 0)
        rows[column[name]] += 1
        layout[name] = {"x": 240 * column[name], "y": 140 * row}
    return {
        "settings": settings,
        "nodes": dict(nodes),
        "edges": [{"from": origin, "port": port, "to": target} for origin, port, target in edges],
        "layout": layout,
    }
