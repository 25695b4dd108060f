"""An installation in which there is one of everything that the REST API can name."""

from collections.abc import Mapping
from typing import Any

from activation.channels.models import ChannelConfig
from activation.deliveries.queue import dispatch
from dmp_site import jobs
from identity.graph.documents import write
from identity.graph.policy import DEFAULT
from identity.profiles.policies import services as policies
from identity.touchpoints import aside, lane, sources
from identity.touchpoints.models import Refusal
from identity.touchpoints.types import InboxRow, Mode
from tests.activation.deliveries.making import alice, request, template
from tests.activation.people import NOON, context
from tests.journeys import documents

RULE = {"trait": "plan", "op": "eq", "value": "gold"}
POLICY = {"limit": 2, "window": {"kind": "rolling", "seconds": 86400}}


def furnish(post: Any) -> Mapping[str, list[Any]]:
    """Make it, the most of it over the API by `post(path, body)`; return what names it, by parameter of the addresses."""
    owner = alice()
    letters = template("letter", subject="", text="Dear {{ person.first_name }}")
    ChannelConfig.objects.create(name="letter", addressed_by="email", ack_within=60, created_at=1)
    hook = {"name": "hook", "kind": "webhook", "url": "https://hooks.example.org/in"}
    post("channels", hook)
    post("channels/letter/lists", {"name": "list", "namespace": "maid"})
    dispatch([request(owner, letters)], context())
    source = sources.create("Shop", "site", NOON, actor="tests")
    key, _clear = sources.create_key(source.pk, NOON, actor="tests")
    Refusal.objects.create(source=source, reason="too_large", count=1, first_at=1, last_at=2)
    aside.trying(
        InboxRow(7, source.pk, Mode.LIVE, NOON, b"sealed"),
        NOON,
        epoch=lane.take_over("tests", NOON),
    )
    aside.set_aside(7, "t", "it failed alone", NOON)
    uid = str(owner.profile.uid)
    policies.change(write(DEFAULT), NOON, actor="tests")
    night = {"name": "Night", "start": "22:00", "end": "08:00"}
    consent = {"purpose": "marketing", "granted": True}
    return {
        "uid": [uid],
        "profile": [uid],
        "namespace": ["user_id"],
        "value": ["alice"],
        "source": [source.pk],
        "channel": ["letter", "hook"],
        "name": ["list", letters.name, "marketing"],
        "key": [key.pk, "1:send:1"],
        "number": [7],
        "command": [post(f"profiles/{uid}/consent", consent)["command"]],
        "job": [jobs.start("prune", {}, "user:1", NOON).pk],
        "audience": [post("audiences", {"name": "Gold", "rule": RULE})["id"]],
        "policy": [post("pressure/policies", {"name": "Daily", "document": POLICY})["id"]],
        "hours": [post("pressure/quiet-hours", night)["id"]],
        "journey": [
            post("journeys", {"name": "Carts", "draft": documents.abandoned_cart()})["id"]
        ],
        "enrolment": [1],
    }
