"""People who can be written to, templates, requests: for tests of deliveries."""

from typing import Any

from activation.deliveries.models import Delivery, Template
from activation.deliveries.types import SendRequest
from identity.privacy import registers, vault
from identity.privacy.types import Barred, Said
from identity.profiles.models import Identifier
from tests.activation.people import NOON, identifier, person


def alice(name: str = "alice", *, consent: bool | None = True) -> Identifier:
    """Make a person with an e-mail address; return the owner identifier user_id:NAME."""
    _, (owner, address) = person(name, f"email:hash-of-{name}")
    vault.store(
        [
            vault.Entry(address.key, vault.VALUE, f"{name}@example.org", NOON, NOON, "t1"),
            vault.Entry(owner.key, "first_name", name.title(), NOON, NOON, "t1"),
        ]
    )
    if consent is not None:
        say(owner, granted=consent)
    return owner


def say(
    owner: Identifier,
    *,
    granted: bool,
    purpose: str = "marketing",
    channel: str = "email",
    at: int = NOON,
) -> None:
    registers.keep_consent([Said(owner.key, purpose, channel, granted, at, at, f"t{at}", "test")])


def bar(owner: Identifier, channel: str, reason: str = "requested") -> None:
    registers.keep_suppressions(
        [Barred(owner.key, channel, reason, True, NOON, NOON, "t9", "test")]  # noqa: FBT003
    )


def template(channel: str = "email", **parts: str) -> Template:
    number = Template.objects.count() + 1
    values = {
        "subject": "Hello {{ person.first_name|default:'you' }}",
        "text": "Come back: https://shop.example/a",
        "html": "",
        **parts,
    }
    return Template.objects.create(
        name=f"t{number}", version=1, channel=channel, created_at=1, **values
    )


def request(owner: Identifier, of: Template, number: int = 1, **rest: Any) -> SendRequest:
    values: dict[str, Any] = {
        "key": f"{number}:send:1",
        "profile": owner.profile_id,
        "owner": owner.pk,
        "channel": of.channel,
        "message_class": "marketing",
        "template": of.pk,
        "journey": 1,
        "version": 1,
        "node": "send",
        "occurrence": 1,
        "due_at": NOON,
        **rest,
    }
    return SendRequest(**values)


def delivery(number: int = 1) -> Delivery:
    return Delivery.objects.get(key=f"{number}:send:1")


__all__ = ["alice", "bar", "delivery", "identifier", "request", "say", "template"]
