"""Definitions that several tests use, as the designer would write them."""

import json
from typing import Any


def journey(nodes: dict[str, Any], *edges: str, **settings: Any) -> dict[str, Any]:
    """Write a document; an edge reads "from.port to" ("from to" for the port next)."""
    written = []
    for edge in edges:
        source, target = edge.split()
        node, _, port = source.partition(".")
        written.append({"from": node, "port": port or "next", "to": target})
    return {"schema_version": 1, "settings": settings, "nodes": nodes, "edges": written}


def entry(event: str = "Cart Viewed", **config: Any) -> dict[str, Any]:
    return {"type": "entry", "config": {"on": "touchpoint", "event": event, **config}}


def audience_entry(audience: int) -> dict[str, Any]:
    return {"type": "entry", "config": {"on": "audience", "audience": audience}}


def wait(duration: str = "PT1H") -> dict[str, Any]:
    return {"type": "wait", "config": {"duration": duration}}


def wait_for(timeout: str | None = "P1D", **ports: Any) -> dict[str, Any]:
    branches = [
        {"port": port, "match": {"event": match} if isinstance(match, str) else match}
        for port, match in ports.items()
    ]
    config = {"branches": branches} | ({"timeout": timeout} if timeout else {})
    return {"type": "wait_for", "config": config}


def send(channel: str = "email", template: int | None = 1, **config: Any) -> dict[str, Any]:
    return {"type": "send", "config": {"channel": channel, "template": template, **config}}


def leave(reason: str = "") -> dict[str, Any]:
    return {"type": "exit", "config": {"reason": reason}}


def abandoned_cart(template: int = 1, **settings: Any) -> dict[str, Any]:
    """Send a mail an hour after a cart was seen without an order; one run per cart. `template`: the row id of the mail."""
    order = {"event": "Order Completed", "key": "cart_id"}
    return journey(
        {
            "in": entry(key="cart_id"),
            "order": wait_for("PT1H", bought=order),
            "mail": send(template=template),
            "thanks": leave("bought"),
            "out": leave(),
        },
        "in order",
        "order.bought thanks",
        "order.timeout mail",
        "mail.sent out",
        re_entry={"mode": "always"},
        **settings,
    )


def as_json(document: Any) -> bytes:
    return json.dumps(document).encode()
