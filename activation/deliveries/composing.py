"""Makes the message of one delivery: reveals what its template needs, renders it, adds links, pixel and headers.

Runs after everything that could say no, so that nothing is revealed in vain; what it makes is never stored.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from activation.channels.port import Message
from activation.channels.registry import Description
from activation.deliveries import permission, rendering
from activation.deliveries.claims import Claimed
from activation.deliveries.links import addresses
from activation.deliveries.models import Template
from activation.deliveries.rendering import Parts
from activation.deliveries.tokens import Sent
from identity.clock import Instant
from identity.privacy import vault
from identity.profiles.models import Identifier as IdentifierRow
from identity.profiles.types import Facts
from identity.touchpoints import naming
from identity.touchpoints.types import Identifier

_PERSON = "person."


class NoAddress(Exception):
    """The vault does not hold the address any more."""


class Composed(NamedTuple):
    """A message, and the row id of the address it goes to: the newest valid one of that moment."""

    message: Message
    address: int | None


def compose(
    claimed: Claimed, person: Facts, channel: Description, now: Instant, *, exempt: bool
) -> Composed:
    """Make the message. Raises NoAddress, rendering's MissingValue or BadTemplate."""
    template = parts_of(claimed.template)
    newest = permission.address(person, channel.addressed_by)
    if newest is not None:
        claimed = claimed._replace(address=newest[0], address_key=newest[1].key)
    revealed = _reveal(claimed, rendering.names(template), now)
    address = revealed.pop("address", "") or _open_value(newest)
    if channel.addressed_by and not address:
        raise NoAddress
    sent = Sent(
        claimed.key,
        claimed.owner_key,
        claimed.address_key,
        claimed.channel,
        claimed.message_class,
        now,
    )
    links = addresses()
    values = {
        "traits": dict(person.traits),
        "person": revealed,  # clear values: they go into the message and nowhere else
        "event": dict(claimed.facts),
        "unsubscribe_url": links.unsubscribe(sent),
    }
    message = rendering.track(
        rendering.render(template, values), sent, links, pixel=claimed.channel == "email"
    )
    headers = {} if exempt else _unsubscribe_headers(links.unsubscribe(sent))
    data = {"profile": person.uid, "channel": claimed.channel, "template": claimed.template}
    return Composed(
        Message(
            claimed.key,
            address,
            message.subject,
            message.text,
            message.html,
            headers,
            data,
            links.message(claimed.key),
        ),
        claimed.address,
    )


def parts_of(template: int) -> Parts:
    """Return the sources of a template."""
    row = Template.objects.get(pk=template)
    return Parts(row.subject, row.text, row.html)


def _reveal(claimed: Claimed, names: Iterable[str], now: Instant) -> dict[str, str]:
    """Return the clear address under "address", and the fields that the template names as person.*."""
    fields = {name.removeprefix(_PERSON) for name in names if name.startswith(_PERSON)}
    wanted = _places(claimed.profile, fields) if fields else {}
    if claimed.address_key:
        wanted[claimed.address_key, vault.VALUE] = "address"
    if not wanted:
        return {}
    clear = vault.reveal(list(wanted), actor="sender", why=f"delivery {claimed.key}", now=now)
    return {wanted[place]: value for place, value in clear.items()}


def _open_value(address: tuple[int, Identifier] | None) -> str:
    """Return the value of an address that is no personal data (a push token): it is in its key, not in the vault."""
    if address is None or not naming.is_readable(address[1].namespace):
        return ""
    return address[1].value


def _places(profile: int, fields: Collection[str]) -> dict[tuple[str, str], str]:
    """Return where the vault holds the newest value of each field of a person."""
    keys = IdentifierRow.objects.filter(profile=profile).values_list("key", flat=True)
    newest: dict[str, tuple[Instant, str]] = {}
    for key, field, at in vault.fields(list(keys)):
        if field in fields:
            newest[field] = max(newest.get(field, (at, key)), (at, key))
    return {(key, field): field for field, (_, key) in newest.items()}


def _unsubscribe_headers(address: str) -> Mapping[str, Any]:
    """One click, RFC 8058; whoever signs the mail with DKIM has to cover both headers."""
    return {
        "List-Unsubscribe": f"<{address}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
