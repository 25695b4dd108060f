"""What a marketer would have set up, made through the services of the rooms; runs inside an installation (`shell`)."""

from typing import Any

from django.db import transaction

from activation.deliveries.models import Template
from activation.pressure.models import Policy, PolicyState, PolicyVersion
from identity.clock import now
from journeys.publishing import services as journeys

HTML = (
    '<p>Hello {{ first_name|default:"you" }}</p><p><a href="https://shop.example/new">New</a></p>'
)


def template(name: str, subject: str, channel: str = "email") -> int:
    """Write a mail, or a message of another channel; return its row id."""
    return Template.objects.create(
        name=name,
        version=1,
        channel=channel,
        subject=subject,
        text="Hello\nhttps://shop.example/new",
        html=HTML,
        created_at=now(),
    ).pk


def policy(name: str, **document: Any) -> int:
    """Publish a pressure policy; return its row id."""
    moment = now()
    with transaction.atomic():
        made = Policy.objects.create(
            name=name, slug=name, document=document, created_at=moment, changed_at=moment
        )
        made.version = PolicyVersion.objects.create(
            policy=made, number=1, document=document, published_at=moment
        )
        made.state = PolicyState.LIVE
        made.save()
    return made.pk


def journey(name: str, document: dict[str, Any]) -> int:
    """Create and publish a journey; return its row id."""
    made = journeys.create(name, document, "test", now())
    journeys.publish(made.pk, actor="test", now=now())
    return made.pk


def path(*nodes: tuple[str, dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """Return a definition whose nodes follow each other; a node's id is its first word."""
    names = [name for name, _ in nodes]
    return {
        "settings": settings,
        "nodes": dict(nodes),
        "edges": [
            {"from": one, "port": "sent" if node["type"] == "send" else "next", "to": other}
            for (one, node), other in zip(nodes, names[1:], strict=False)
        ],
    }
