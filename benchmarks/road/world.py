"""What a marketer has set up before the load comes: 20 audiences, 5 live journeys, 2 pressure policies.

Everything is made through the services of the rooms. The load is `benchmarks.stream.Shop`.
Runs inside an installation: python -m benchmarks.inside benchmarks.road.world
"""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from activation.audiences import services as audiences
from activation.deliveries.models import Template
from activation.pressure.models import Policy, PolicyState, PolicyVersion
from benchmarks.stream import CITIES
from identity.clock import Instant
from identity.clock import now as clock
from journeys.publishing import services as journeys

_ACTOR = "benchmark"
_DAY_SECONDS = 86_400


def main() -> None:
    build(clock())


def build(now: Instant) -> None:
    """Make and publish everything."""
    known = {name: _audience(name, rule, now) for name, rule in RULES.items()}
    mails = {name: _template(name, now) for name in ("thanks", "welcome", "basket", "coffee")}
    _policy("two mails a day", {"limit": 2, "scope": {"channels": ["email"]}, **_ROLLING}, now)
    _policy("points a week", {"limit": 5, "unit": "points", **_WEEK}, now)
    for name, document in _journeys(known, mails, _template("partner", now, "display")).items():
        made = journeys.create(name, document, _ACTOR, now)
        journeys.publish(made.pk, actor=_ACTOR, now=now)


# --- Audiences ---


def _trait(name: str, op: str, value: Any) -> dict[str, Any]:
    return {"trait": name, "op": op, "value": value}


def _counter(name: str, op: str, value: Any, **rest: str) -> dict[str, Any]:
    return {"counter": name, "op": op, "value": value, **rest}


def _did(event: str, at_least: int, days: int, *where: Mapping[str, Any]) -> dict[str, Any]:
    form = {"did": event, "at_least": at_least, "within_days": days}
    return {**form, "where": list(where)} if where else form


RULES: Mapping[str, dict[str, Any]] = {
    **{f"in {city}": _trait("city", "eq", city) for city in CITIES},
    "young": _trait("age", "lt", 30),
    "older": _trait("age", "ge", 60),
    "newsletter": _trait("newsletter", "eq", True),  # noqa: FBT003 - a rule's value
    "southern readers": {
        "and": [_trait("newsletter", "eq", True), _trait("city", "in", ["Lyon", "Nice"])]  # noqa: FBT003
    },
    "coffee": _did(
        "Product Viewed", 1, 7, {"property": "category", "op": "eq", "value": "coffee"}
    ),
    "lookers": _did("Product Viewed", 3, 30),
    "left a basket": {
        "and": [_did("Product Added", 1, 1), {"not": _did("Order Completed", 1, 1)}]
    },
    "buyers": _did("Order Completed", 1, 30),
    "loyal": _did("Order Completed", 2, 90),
    "visitors": _did("page", 2, 1),
    "ever bought": _counter("orders", "ge", 1),
    "spent 150": _counter("revenue", "ge", 15_000, currency="EUR"),
    "seen this week": _counter("last_seen", "after", {"days": -7}),
    "new today": _counter("first_seen", "after", {"days": -1}),
}


def _audience(name: str, rule: Mapping[str, Any], now: Instant) -> int:
    made = audiences.create(name, rule=rule, actor=_ACTOR, now=now)
    audiences.publish(made.pk, actor=_ACTOR, now=now)
    return made.pk


# --- Templates and policies ---

_ROLLING = {"window": {"kind": "rolling", "seconds": _DAY_SECONDS}}
_WEEK = {"window": {"kind": "calendar", "period": "week"}}


def _template(name: str, now: Instant, channel: str = "email") -> int:
    return Template.objects.create(
        name=name, version=1, channel=channel, subject=name, text=name, created_at=now
    ).pk


def _policy(name: str, document: Mapping[str, Any], now: Instant) -> None:
    document = {**document, "when_capped": "skip"}
    with transaction.atomic():
        made = Policy.objects.create(
            name=name,
            slug=name.replace(" ", "-"),
            document=document,
            created_at=now,
            changed_at=now,
        )
        made.version = PolicyVersion.objects.create(
            policy=made, number=1, document=document, published_at=now
        )
        made.state = PolicyState.LIVE
        made.save()


# --- Journeys ---


def _path(*nodes: tuple[str, dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """Return a definition whose nodes follow each other through their usual ports."""
    names = [name for name, _ in nodes]
    usual = {"send": "sent", "wait_for": "timeout", "if_else": "no"}
    edges = [
        {"from": one, "port": usual.get(node["type"], "next"), "to": other}
        for (one, node), other in zip(nodes, names[1:], strict=False)
    ]
    edges += [
        {"from": one, "port": port, "to": names[-1]}
        for one, node in nodes
        for port in _OTHER.get(node["type"], ())
    ]
    return {"settings": settings, "nodes": dict(nodes), "edges": edges}


_OTHER = {"send": ("capped", "unreachable"), "wait_for": ("bought",), "if_else": ("yes",)}
_END = ("end", {"type": "exit"})


def _node(type_: str, **config: Any) -> dict[str, Any]:
    return {"type": type_, "config": config}


def _send(template: int, channel: str = "email") -> dict[str, Any]:
    return _node("send", channel=channel, template=template)


def _price(event: str, least: int) -> dict[str, Any]:
    name = "total" if event == "Order Completed" else "price"
    where = [{"property": name, "op": "ge", "value": least}]
    return _node("entry", on="touchpoint", event=event, where=where)


def _journeys(
    known: Mapping[str, int], mails: Mapping[str, int], partner: int
) -> dict[str, dict[str, Any]]:
    bought = {"port": "bought", "match": {"event": "Order Completed"}}
    rule = {"on": "rule", "rule": _counter("orders", "ge", 1)}
    return {
        "Thanks": _path(
            ("in", _price("Order Completed", 150)),
            ("mail", _send(mails["thanks"])),
            _END,
            message_class="transactional",
            re_entry={"mode": "always"},
        ),
        "Welcome": _path(
            ("in", _node("entry", on="audience", audience=known["southern readers"])),
            ("mail", _send(mails["welcome"])),
            ("pause", _node("wait", duration="PT20S")),
            ("buyer", _node("if_else", conditions=[rule])),
            ("again", _send(mails["welcome"])),
            _END,
        ),
        "Basket": _path(
            ("in", _price("Product Added", 90)),
            ("order", _node("wait_for", branches=[bought], timeout="PT30S")),
            ("mail", _send(mails["basket"])),
            _END,
            re_entry={"mode": "always"},
        ),
        "Best customers": _path(
            ("in", _node("entry", on="audience", audience=known["spent 150"])),
            ("show", _send(partner, "display")),
            _END,
        ),
        "Coffee": _path(
            ("in", _node("entry", on="audience", audience=known["coffee"])),
            ("pause", _node("wait", duration="PT10S")),
            ("mail", _send(mails["coffee"])),
            _END,
            goal={"match": {"event": "Order Completed"}, "window": "P1D"},
        ),
    }
