"""From rows of the inbox to touchpoints: decrypted, read, identified, cleared of PII. The first thing the lane does."""

import json
import math
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from django.conf import settings

from identity.graph.policy import DEFAULT, Policy
from identity.graph.types import SOURCE_FORGOTTEN
from identity.privacy.keys import Keys, keys_at
from identity.touchpoints import evidence, payload
from identity.touchpoints.contacts import contact
from identity.touchpoints.evidence import Evidence
from identity.touchpoints.models import Source
from identity.touchpoints.payload import Envelope
from identity.touchpoints.pii import Cleaner
from identity.touchpoints.times import happened, instant
from identity.touchpoints.types import InboxRow, Touchpoint, touchpoint_id

NO_SOURCE = 0  # rows of the collector's own: what it refused
INTERNAL = "internal"  # the kind of source whose events name their identifiers themselves
MODEL = "model"  # the kind whose evidence is a guess, as sure as each event says
UNSURE = (
    "no_strength"  # why a model's touchpoint is no evidence: it does not say how sure the guess is
)

_LONGEST_INTEGER = 1_000  # digits

_any = msgspec.json.Decoder()
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
)


class Poison(Exception):
    """A row that cannot be read; the lane finds it and sets it aside."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"row {number}: {reason}")
        self.number = number
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Origin:
    """What decoding needs to know of a source."""

    uuid: uuid.UUID
    kind: str
    region: str
    household: bool
    forgotten: bool


class Refused(msgspec.Struct, array_like=True):
    """Events of one source that the collector refused for one reason."""

    source: int
    reason: str
    detail: str
    count: int


def decode(rows: Sequence[InboxRow], policy: Policy = DEFAULT) -> list[Touchpoint]:
    """Return the touchpoints of these rows, of several with one id the first. Raises Poison."""
    keys = keys_at(settings.KEYS_FILE)
    origins = _origins({row.source for row in rows} - {NO_SOURCE})
    found: dict[str, Touchpoint] = {}
    for row in rows:
        if row.source != NO_SOURCE:
            touchpoint = _read(row, origins.get(row.source), keys, policy)
            found.setdefault(touchpoint.id, touchpoint)
    return list(found.values())


def refusals(rows: Sequence[InboxRow]) -> Iterator[Refused]:
    """Yield what the collector refused. Raises Poison."""
    key = keys_at(settings.KEYS_FILE).inbox
    for row in rows:
        if row.source == NO_SOURCE:
            try:
                clear = payload.unseal(key, row.payload)
                yield from msgspec.json.decode(clear, type=list[Refused])
            except (payload.Unreadable, msgspec.MsgspecError) as error:
                raise Poison(row.number, str(error)) from error


def identity_of(row: InboxRow) -> str:
    """Return the id of the touchpoint in this row, "" when there is none or it cannot be read."""
    origin = _origins({row.source}).get(row.source)
    keys = keys_at(settings.KEYS_FILE)
    try:
        return _read(row, origin, keys, DEFAULT).id if origin else ""
    except Exception:  # noqa: BLE001 - whatever is wrong with it: a row without an id was never recorded
        return ""


def _origins(sources: Collection[int]) -> dict[int, Origin]:
    found = Source.objects.filter(pk__in=sources).values_list(
        "pk", "uuid", "kind", "region", "settings", "forgetting__begun_at"
    )
    return {
        pk: Origin(uid, kind, region, bool(chosen.get("group_is_household")), begun_at is not None)
        for pk, uid, kind, region, chosen, begun_at in found
    }


def _read(row: InboxRow, origin: Origin | None, keys: Keys, policy: Policy) -> Touchpoint:
    if origin is None:
        raise Poison(row.number, f"source {row.source} does not exist any more")
    try:
        given, envelope, encoded = payload.unpack(payload.unseal(keys.inbox, row.payload))
        event = _event(encoded, envelope)
        if given:
            event["messageId"] = given
        who = _evidence(event, origin, keys.identifier, policy)
        touchpoint = _touchpoint(row, origin, event, envelope, who)
        return (
            replace(touchpoint, unnamed=True) if given and origin.kind != INTERNAL else touchpoint
        )
    except payload.Unreadable as error:
        raise Poison(row.number, str(error)) from error
    except _UNREADABLE as error:
        raise Poison(row.number, f"{type(error).__name__}: it is no event") from error


def _event(encoded: bytes, envelope: Envelope) -> dict[str, Any]:
    """Read the event, with the batch's context under its own and the type of the address over its own."""
    try:
        event = _any.decode(encoded)
    except msgspec.ValidationError:
        # A number beyond 1e308, or of thousands of digits: valid JSON, but nothing to reckon with.
        event = _finite(json.loads(encoded, parse_int=_integer))
    if envelope.type:
        event["type"] = envelope.type
    if envelope.context:
        event["context"] = envelope.context | (event.get("context") or {})
    return event  # type: ignore[no-any-return]


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return value


def _touchpoint(
    row: InboxRow,
    origin: Origin,
    event: Mapping[str, Any],
    envelope: Envelope,
    who: Evidence,
) -> Touchpoint:
    type_ = str(event["type"])
    name = str(event.get("event") or "") if type_ == "track" else type_
    said = event.get("originalTimestamp") or event.get("timestamp") or envelope.timestamp
    at, corrected = happened(said, event.get("sentAt") or envelope.sent_at, row.received_at)
    cleaner = Cleaner()
    name = cleaner.text(name)
    traits = _traits(event, cleaner)
    properties = _properties(event, cleaner)
    met = contact(type_, name, properties, origin.kind)
    return Touchpoint(
        number=row.number,
        id=touchpoint_id(origin.uuid, str(event["messageId"])),
        source=row.source,
        mode=row.mode,
        type=type_,
        event=name,
        at=at,
        received_at=row.received_at,
        identifiers=who.identifiers,
        owner=who.owner,
        same=who.same,
        refusal=who.refusal,
        channel=met.channel,
        direction=met.direction,
        message_class=met.message_class,
        traits=traits,
        properties=properties,
        context=_context(event, cleaner, origin),
        pii=who.pii if who.owner else {},
        pii_fields=cleaner.fields if who.owner else {},
        clock_corrected=corrected,
        undated=corrected or instant(said) is None,
        dropped=tuple(who.dropped),
        strength=_strength(event) if origin.kind == MODEL else 1.0,
    )


def _evidence(event: Mapping[str, Any], origin: Origin, key: bytes, policy: Policy) -> Evidence:
    own = (event.get("context") or {}).get("filrouge")
    if origin.kind == INTERNAL and isinstance(own, dict):
        return evidence.of_keys([str(each) for each in own.get("identifiers") or []], policy)
    found = evidence.of_event(
        event, key=key, region=origin.region, household=origin.household, policy=policy
    )
    if origin.forgotten:
        return replace(found, owner=None, refusal=SOURCE_FORGOTTEN)
    if origin.kind == MODEL and not found.refusal and not 0 < _strength(event) < 1:
        return replace(found, owner=None, refusal=UNSURE)
    return found


def _strength(event: Mapping[str, Any]) -> float:
    """Return how sure a model is of its guess, 0 when it does not say so."""
    own = (event.get("context") or {}).get("filrouge")
    said = own.get("strength") if isinstance(own, dict) else None
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else 0.0


def _traits(event: Mapping[str, Any], cleaner: Cleaner) -> dict[str, Any]:
    """Return what an identify call says about the person; the traits of a group are not a person's."""
    if event["type"] != "identify":
        return {}
    said = (event.get("context") or {}).get("traits")
    said = said if isinstance(said, dict) else {}
    return cleaner.clean("traits", said | (event.get("traits") or {}), person=True)


def _properties(event: Mapping[str, Any], cleaner: Cleaner) -> dict[str, Any]:
    properties = dict(event.get("properties") or {})
    if event["type"] in {"page", "screen"}:
        for name in ("name", "category"):
            if event.get(name) is not None:
                properties.setdefault(name, event[name])
    elif event["type"] == "group":
        about = event.get("traits") or {}
        traits = cleaner.clean("properties.traits", about, person=True, owner=False)
        properties = {"group_id": event.get("groupId"), "traits": traits}
    return cleaner.clean("properties", properties)


def _context(event: Mapping[str, Any], cleaner: Cleaner, origin: Origin) -> dict[str, Any]:
    """Return the context without identifiers and traits, and without `filrouge` unless the product itself sent it."""
    context = dict(event.get("context") or {})
    traits = context.pop("traits", None)
    if isinstance(traits, dict):
        cleaner.clean("context.traits", traits, person=True)
    for name in ("externalIds", "externalId"):
        context.pop(name, None)
    if origin.kind != INTERNAL:
        context.pop("filrouge", None)
    return cleaner.clean("context", context)
