"""What a graph store keeps of a touchpoint beside its columns: one JSON text, free of clear PII. No Django."""

from collections.abc import Mapping
from typing import Any

import msgspec

from identity.clock import Instant
from identity.touchpoints.types import Direction, Identifier, Mode, Touchpoint

_encoder = msgspec.json.Encoder(order="deterministic")


class _Body(msgspec.Struct, omit_defaults=True):
    mode: str
    type: str
    event: str
    identifiers: list[str] = []
    owner: str = ""
    same: list[tuple[str, str]] = []
    refusal: str = ""
    channel: str = ""
    direction: str = ""
    message_class: str = ""
    traits: Mapping[str, Any] = {}
    properties: Mapping[str, Any] = {}
    context: Mapping[str, Any] = {}
    clock_corrected: bool = False
    strength: float = 1.0


_decoder = msgspec.json.Decoder(_Body)


def encode(touchpoint: Touchpoint) -> str:
    """Return the body. The clear values of `pii` and `pii_fields` are the vault's and stay out."""
    body = _Body(
        mode=touchpoint.mode,
        type=touchpoint.type,
        event=touchpoint.event,
        identifiers=[each.key for each in touchpoint.identifiers],
        owner=touchpoint.owner.key if touchpoint.owner else "",
        same=[(a.key, b.key) for a, b in touchpoint.same],
        refusal=touchpoint.refusal,
        channel=touchpoint.channel,
        direction=touchpoint.direction,
        message_class=touchpoint.message_class,
        traits=touchpoint.traits,
        properties=touchpoint.properties,
        context=touchpoint.context,
        clock_corrected=touchpoint.clock_corrected,
        strength=touchpoint.strength,
    )
    return _encoder.encode(body).decode()


def decode(
    *, number: int, uid: str, source: int, at: Instant, received_at: Instant, body: str
) -> Touchpoint:
    """Return the touchpoint as it was recorded, without clear PII."""
    found = _decoder.decode(body)
    return Touchpoint(
        number=number,
        id=uid,
        source=source,
        mode=Mode(found.mode),
        type=found.type,
        event=found.event,
        at=at,
        received_at=received_at,
        identifiers=tuple(map(Identifier.of, found.identifiers)),
        owner=Identifier.of(found.owner) if found.owner else None,
        same=tuple((Identifier.of(a), Identifier.of(b)) for a, b in found.same),
        refusal=found.refusal,
        channel=found.channel,
        direction=Direction(found.direction),
        message_class=found.message_class,
        traits=found.traits,
        properties=found.properties,
        context=found.context,
        clock_corrected=found.clock_corrected,
        strength=found.strength,
    )
