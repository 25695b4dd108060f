"""Which events are taken, one by one: a bad event never fails its batch."""

import re
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

LARGEST = 32 * 1024  # bytes of one event
MOST = 2_500  # events of one batch
DEEPEST = 64  # levels of nesting
LONGEST_ID = 100  # characters of a messageId

TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias", "merge"})

NO_KEY = "write_key_invalid"

# Stable words for machines and counters, and what to do about each.
REASONS: Mapping[str, str] = MappingProxyType(
    {
        "wrong_type": "a field has the wrong type",
        "type_missing": "the event has no `type`",
        "type_unknown": f"`type` must be one of {', '.join(sorted(TYPES))}",
        "event_missing": "a track call needs `event`, the name of what happened",
        "id_missing": "`userId` or `anonymousId` is required",
        "alias_incomplete": "an alias call needs `previousId` and `userId`",
        "group_missing": "a group call needs `groupId`",
        "merge_incomplete": "a merge call needs two `mergeProperties`",
        "message_id_too_long": f"`messageId` must be shorter than {LONGEST_ID} characters",
        "too_large": f"the event, with the context of its batch, is larger than {LARGEST} bytes",
        "too_deep": f"the event is nested deeper than {DEEPEST} levels",
        "not_text": "the event holds a NUL character or half a surrogate pair",
        "too_old": "it happened longer ago than this installation keeps touchpoints",
        NO_KEY: "the event's `writeKey` is not known",
    }
)

Id = str | int | float | None


class Object(msgspec.Struct, gc=False):
    """A JSON object with whatever it holds: checked here, read by the lane."""


class Event(msgspec.Struct, rename="camel", gc=False):
    """What has to be known of an event at the door."""

    type: str | None = None
    message_id: Id = None
    anonymous_id: Id = None
    user_id: Id = None
    previous_id: Id = None
    group_id: Id = None
    event: str | None = None
    timestamp: Id = None
    original_timestamp: Id = None
    sent_at: Id = None
    context: Object | None = None
    properties: Object | None = None
    traits: Object | None = None
    merge_properties: list[Object] | None = None
    write_key: str | None = None


class Refused(Exception):
    """An event that is not taken; `code` is one of REASONS."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail

    @property
    def message(self) -> str:
        return f"{REASONS[self.code]}: {self.detail}" if self.detail else REASONS[self.code]


class Checked(NamedTuple):
    """An event that is taken. `given` is its messageId when it came without one."""

    raw: bytes
    given: str
    write_key: str | None
    original: Id = None  # when it happened, and when it was sent, by the sender's clock
    sent: Id = None


_decode = msgspec.json.Decoder(Event).decode
_decode_all = msgspec.json.Decoder().decode
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def check(raw: bytes, type_: str | None, *, shared: int = 0, trusted: bool = False) -> Checked:
    """Take an event or raise Refused.

    `type_` comes from the address; `shared` counts the bytes of the batch's context that the event gets; a trusted sender may
    leave out userId and anonymousId.
    """
    if len(raw) + shared > LARGEST:
        raise Refused("too_large")
    check_form(raw)
    try:
        event = _decode(raw)
    except msgspec.DecodeError as error:
        raise Refused("wrong_type", str(error)) from error
    code = _fault(event, type_ or event.type, trusted=trusted)
    if code:
        raise Refused(code)
    given = "" if event.message_id not in (None, "") else str(uuid.uuid4())
    original = event.original_timestamp or event.timestamp
    return Checked(raw, given, event.write_key, original, event.sent_at)


def check_form(raw: bytes) -> None:
    """Raise Refused for JSON that is nested too deep or holds what is no text."""
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _is_deeper(raw, DEEPEST):
        raise Refused("too_deep")
    if b"\\u0000" in raw or b"\\ud" in raw or b"\\uD" in raw:
        _check_text(raw)


def _fault(event: Event, type_: str | None, *, trusted: bool) -> str:
    """Return the reason to refuse an event of this type, "" when there is none."""
    if event.message_id is not None and len(str(event.message_id)) >= LONGEST_ID:
        return "message_id_too_long"
    if not type_:
        return "type_missing"
    if type_ not in TYPES:
        return "type_unknown"
    lacking = _OWN_RULES.get(type_)
    if lacking is not None and lacking[0](event):
        return lacking[1]
    if type_ in {"alias", "merge"} or trusted:
        return ""
    return "" if _said(event.user_id) or _said(event.anonymous_id) else "id_missing"


_OWN_RULES: Mapping[str, tuple[Any, str]] = {
    "track": (lambda event: not event.event, "event_missing"),
    "alias": (
        lambda event: not (_said(event.previous_id) and _said(event.user_id)),
        "alias_incomplete",
    ),
    "group": (lambda event: not _said(event.group_id), "group_missing"),
    "merge": (lambda event: len(event.merge_properties or ()) < 2, "merge_incomplete"),  # noqa: PLR2004 - two are one pair
}


def _said(value: Id) -> bool:
    return value is not None and value != ""  # 0 is an id, if a poor one: the policy says so


def _is_deeper(raw: bytes, levels: int) -> bool:
    """Tell whether JSON is nested deeper than so many levels: each turn takes the innermost one away."""
    left = _STRINGS.sub(b"", raw).translate(_BRACKETS, _OTHERS)
    for _ in range(levels):
        left = left.replace(b"[]", b"")
    return bool(left)


def _check_text(raw: bytes) -> None:
    try:
        found = _decode_all(raw)
    except msgspec.ValidationError:
        found = None  # a number out of range, which the lane copes with
    except ValueError as error:
        raise Refused("not_text") from error
    if _has_nul(found):
        raise Refused("not_text")


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(each) for key, each in value.items())
    return isinstance(value, list) and any(_has_nul(each) for each in value)
