"""Which identifiers an event carries, by the policy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from identity.graph.normalising import Refused
from identity.graph.policy import DEFAULT, MAX_IDENTIFIERS, Policy, clean, identify
from identity.touchpoints.types import Identifier

NO_IDENTIFIER = "no_identifier"  # why a touchpoint without any value that counts has no owner
_SILENT = {"unknown_namespace"}  # ids that other products add to every event; nobody has to act


@dataclass(slots=True)
class Evidence:
    """`same`: pairs that an alias call declares to be one. `pii`: cleaned values of PII identifiers."""

    identifiers: tuple[Identifier, ...] = ()
    same: tuple[tuple[Identifier, Identifier], ...] = ()
    owner: Identifier | None = None
    refusal: str = ""
    pii: dict[Identifier, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How values become identifiers: by which policy, with which HMAC key, in which region."""

    policy: Policy
    key: bytes
    region: str


def of_event(
    event: Mapping[str, Any],
    *,
    key: bytes,
    region: str,
    household: bool,
    policy: Policy = DEFAULT,
) -> Evidence:
    """Collect the identifiers of an event. `household`: the source says that its groups are households."""
    evidence, reading = Evidence(), _Reading(policy, key, region)
    found = [
        _identifier(namespace, value, reading, evidence)
        for namespace, value in _values(event, household=household)
        if value is not None
    ]
    evidence.same = _same(event, reading, evidence)
    pairs = [identifier for pair in evidence.same for identifier in pair]
    identifiers = [each for each in found if each is not None] + pairs
    return _conclude(evidence, identifiers, policy)


def of_keys(keys: list[str], policy: Policy = DEFAULT) -> Evidence:
    """Take identifiers that the product itself names; they were normalised before."""
    known = [Identifier.of(key) for key in keys]
    return _conclude(Evidence(), [each for each in known if policy.find(each.namespace)], policy)


def _conclude(evidence: Evidence, identifiers: list[Identifier], policy: Policy) -> Evidence:
    evidence.refusal = policy.refusal(identifiers, evidence.same)
    evidence.identifiers = policy.strongest_first(identifiers)[:MAX_IDENTIFIERS]
    if not evidence.refusal:
        evidence.owner = policy.owner(evidence.identifiers)
        evidence.refusal = "" if evidence.owner else NO_IDENTIFIER
    return evidence


def _identifier(
    namespace: str, clear: Any, reading: _Reading, evidence: Evidence
) -> Identifier | None:
    text = _text(clear)
    if text is None:
        return None
    try:
        identifier, value = _normalised(namespace, text, reading)
    except Refused as refused:
        if refused.reason not in _SILENT:
            evidence.dropped.append(f"{refused.reason}:{namespace}")
        return None
    if identifier.value != value:
        evidence.pii[identifier] = value
    return identifier


@lru_cache(maxsize=20_000)
def _normalised(namespace: str, clear: str, reading: _Reading) -> tuple[Identifier, str]:
    """Return the identifier and the cleaned value it was made of; the two differ for PII alone. Raises Refused."""
    value = clean(namespace, clear, region=reading.region, policy=reading.policy)
    return identify(namespace, value, key=reading.key, policy=reading.policy), value


def _text(value: Any) -> str | None:
    """Turn a number into text, as servers send ids; None, "" and whatever else has no text are no value."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _values(event: Mapping[str, Any], *, household: bool) -> Iterator[tuple[str, Any]]:
    """Yield (namespace, clear value) in the order of the policy table."""
    yield "user_id", event.get("userId")
    yield "anonymous_id", event.get("anonymousId")
    if event.get("type") == "identify":
        yield from _addresses(_object(event.get("traits")))
    context = _object(event.get("context"))
    if context:
        yield from _addresses(_object(context.get("traits")))
    yield "email", _object(event.get("properties")).get("email")
    if context:
        device = _object(context.get("device"))
        yield "maid", device.get("advertisingId")
        yield "device_id", device.get("id")
        yield "push_token", device.get("token")
        yield from _external(context)
    if household and event.get("type") == "group":
        yield "household_id", event.get("groupId")


def _addresses(traits: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "email", traits.get("email")
    yield "phone", traits.get("phone")


def _external(context: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield context.externalIds (Segment) and context.externalId (RudderStack)."""
    for name in ("externalIds", "externalId"):
        listed = context.get(name)
        for each in listed if isinstance(listed, list) else []:
            if isinstance(each, dict) and isinstance(each.get("type"), str):
                yield each["type"], each.get("id")


def _same(
    event: Mapping[str, Any], reading: _Reading, evidence: Evidence
) -> tuple[tuple[Identifier, Identifier], ...]:
    """Read what an alias call (previousId) or RudderStack's merge call (mergeProperties) declares to be one."""
    if event.get("type") == "alias":
        anonymous = event.get("previousId") == event.get("anonymousId")
        declared = [
            ("anonymous_id" if anonymous else "user_id", event.get("previousId")),
            ("user_id", event.get("userId")),
        ]
    elif event.get("type") == "merge" and isinstance(event.get("mergeProperties"), list):
        listed = [_object(each) for each in event["mergeProperties"]]
        declared = [(str(each.get("type")), each.get("value")) for each in listed]
    else:
        return ()
    named = [_identifier(*each, reading, evidence) for each in declared]
    return tuple(_pairs([each for each in named if each is not None]))


def _pairs(found: Sequence[Identifier]) -> Iterator[tuple[Identifier, Identifier]]:
    """Pair each with the first of its own namespace, which is what makes them one value; the first of another with the first of all."""
    firsts: dict[str, Identifier] = {}
    for each in found:
        first = firsts.setdefault(each.namespace, each)
        if first == each:
            first = found[0]
        if first != each:
            yield first, each


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
