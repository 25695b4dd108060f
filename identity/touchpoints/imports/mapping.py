"""What a row of a file means: which column is an identifier, a time, a trait. Written as YAML or JSON; see docs/import.md."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from identity.touchpoints.times import instant

_MILLISECONDS = re.compile(r"\d{1,30}")  # "²" is a digit too, but no number

Row = Mapping[str, Any]


class BadRow(Exception):
    """A row that is no touchpoint; the message says why."""


class BadMapping(Exception):
    """A mapping file that cannot be used; the message says why."""


class Field(msgspec.Struct, forbid_unknown_fields=True):
    """Where a value comes from: a column, or the same for all rows. `as` turns the text of a CSV cell into a type."""

    column: str | None = None
    value: Any = None
    as_: Literal["text", "number", "integer", "boolean"] | None = msgspec.field(
        default=None, name="as"
    )


Said = str | Field  # a plain string names a column


class MappingFile(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a mapping file. Its values are columns, unless they say otherwise.

    `identifiers`: namespace → column. `key`: the columns that make a row what it is; from them comes the messageId.
    """

    identifiers: dict[str, str]
    type: Literal["identify", "track", "page", "screen"] = "track"
    event: Said | None = None
    time: Said | None = None
    key: list[str] = []
    traits: dict[str, Said] = {}
    properties: dict[str, Said] = {}


def load(path: Path) -> "ByMapping":
    """Read a mapping file. Raises BadMapping."""
    try:
        content = path.read_bytes()
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.yaml.decode
        said = decode(content, type=MappingFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise BadMapping(f"{path}: {error}") from error
    if said.type == "track" and said.event is None:
        raise BadMapping(f"{path}: a track call needs `event`, the name of what happened")
    if not said.identifiers:
        raise BadMapping(
            f"{path}: without `identifiers` nobody would know whose touchpoints these are"
        )
    return ByMapping(said)


class Translator:
    """Turns rows into events. One object reads one file from its beginning: it counts rows of the same content."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def event(self, row: Row) -> dict[str, Any]:
        """Return the event of a row. Raises BadRow."""
        raise NotImplementedError

    def _message_id(self, content: Any) -> str:
        """Derive an id from the row's content and how often it came before: a corrected file doubles no row."""
        digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()[:16]
        self._seen[digest] += 1
        return f"row-{digest.hex()}-{self._seen[digest]}"


class AsEvents(Translator):
    """Rows that are Segment events already."""

    def event(self, row: Row) -> dict[str, Any]:
        event = dict(row)
        if not event.get("messageId"):
            event["messageId"] = self._message_id(event)
        return event


class ByMapping(Translator):
    """Rows that a mapping file explains."""

    def __init__(self, mapping: MappingFile) -> None:
        super().__init__()
        self._mapping = mapping

    def event(self, row: Row) -> dict[str, Any]:
        mapping = self._mapping
        event: dict[str, Any] = {"type": mapping.type}
        if mapping.event is not None:
            event["event"] = _text(_value(row, mapping.event), "event")
        if mapping.time is not None:
            event["timestamp"] = _time(_value(row, mapping.time))
        for part, fields in (("traits", mapping.traits), ("properties", mapping.properties)):
            values = {name: _value(row, said) for name, said in fields.items()}
            event[part] = {name: value for name, value in values.items() if value is not None}
        event = _identified(
            event, {name: _cell(row, column) for name, column in mapping.identifiers.items()}
        )
        return event | {"messageId": self._id(row, event.get("event", ""))}

    def _id(self, row: Row, event: str) -> str:
        if not self._mapping.key:
            return self._message_id(row)
        content: dict[str, Any] = {"type": self._mapping.type, "event": event}
        for column in self._mapping.key:
            value = _cell(row, column)
            if value is None:
                raise BadRow(f"the key column {column!r} is empty")
            content[f"key:{column}"] = str(value)
        digest = hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
        return f"key-{digest[:40]}"


def _identified(event: dict[str, Any], identifiers: Mapping[str, Any]) -> dict[str, Any]:
    """Put identifiers where the default policy looks for them. Raises BadRow when the row has none."""
    said = {name: str(value) for name, value in identifiers.items() if value is not None}
    if not said:
        raise BadRow(f"none of the identifiers {', '.join(identifiers)} has a value")
    if "user_id" in said:
        event["userId"] = said.pop("user_id")
    if "anonymous_id" in said:
        event["anonymousId"] = said.pop("anonymous_id")
    traits = {name: said.pop(name) for name in ("email", "phone") if name in said}
    context: dict[str, Any] = {"traits": traits} if traits else {}
    if said:
        context["externalIds"] = [{"type": name, "id": value} for name, value in said.items()]
    return event | ({"context": context} if context else {})


def _cell(row: Row, column: str) -> Any:
    """Return what is in a column; an empty cell is None. Raises BadRow."""
    if column not in row:
        raise BadRow(f"there is no column {column!r}")
    value = row[column]
    return None if isinstance(value, str) and not value.strip() else value


def _value(row: Row, said: Said) -> Any:
    if isinstance(said, str):
        return _cell(row, said)
    value = said.value if said.column is None else _cell(row, said.column)
    if value is None or said.as_ is None:
        return value
    try:
        return _AS[said.as_](str(value).strip())
    except (ValueError, KeyError) as error:
        raise BadRow(f"column {said.column!r} does not hold a {said.as_}") from error


_AS: Mapping[str, Callable[[str], Any]] = {
    "text": str,
    "number": float,
    "integer": int,
    "boolean": lambda text: {
        "true": True,
        "1": True,
        "yes": True,
        "false": False,
        "0": False,
        "no": False,
    }[text.lower()],
}


def _text(value: Any, what: str) -> str:
    if value is None:
        raise BadRow(f"the {what} is empty")
    return str(value)


def _time(value: Any) -> str | int | float:
    """Return a time that the collector will understand; an import never falls back to the present. Raises BadRow."""
    said = value.isoformat() if hasattr(value, "isoformat") else value
    if isinstance(said, str) and _MILLISECONDS.fullmatch(said.strip()):
        said = int(said)
    if not isinstance(said, str | int | float) or instant(said) is None:
        raise BadRow("the time is neither ISO 8601 nor milliseconds since 1970")
    return said
