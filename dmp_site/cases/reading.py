"""Reading YAML strictly: every scalar is the text that stands there, every key is known, every mistake has a place."""

import re
import reprlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar

import yaml

_T = TypeVar("_T")
_NOTHING = frozenset({"", "~", "null"})
_SHOWN = reprlib.Repr()  # stays short, however long or deep the value is
_SHOWN.maxstring = 60
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class BadFile(Exception):
    """A file that cannot be run. The text says what is wrong, where, and what to do."""


class _Texts(yaml.CSafeLoader):
    """Leaves `null`, `-1` and `0491570006` the texts they are: they are values of identifiers."""

    yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))]}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        names = [key.value for key, _ in node.value if key.value != "<<"]
        for name in names:
            if names.count(name) > 1:
                line = node.start_mark.line + 1
                raise BadFile(f"line {line}: {name!r} stands there twice: take one away")
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def _text(loader: _Texts, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


for _tag in ("int", "float", "bool", "null", "timestamp"):  # `!!int x` is the text x too
    _Texts.add_constructor(f"tag:yaml.org,2002:{_tag}", _text)


def load(path: Path) -> Any:
    """Return what the file holds, all scalars as text. Raises BadFile."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadFile("there is no such file: name one in the format of tests/cases") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"it cannot be read ({error}): a text in UTF-8 is wanted") from None
    try:
        return yaml.load(text, _Texts)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise BadFile(f"it is no YAML ({said}): mend it there") from None


@dataclass(frozen=True)
class Part:
    """Something in the file, with its place ("cases[3] (adobe-10): events[0]")."""

    value: Any
    place: str

    def wrong(self, said: str) -> BadFile:
        return BadFile(f"{self.place}: {said}" if self.place else said)

    def mapping(self, known: Collection[str] = ()) -> dict[str, "Part"]:
        """Return the values by key. Raises BadFile for a key that is not known; without any, every key is."""
        if not isinstance(self.value, Mapping):
            raise self.wrong(f"{self._shown()} is no mapping: write key: value")
        for key in self.value:
            if known and key not in known:
                names = ", ".join(sorted(known))
                raise self.wrong(f"unknown key {key!r}: take it away, or use one of {names}")
        return {str(key): Part(each, f"{self._before()}{key}") for key, each in self.value.items()}

    def items(self) -> Iterator["Part"]:
        """Yield the elements of a list. Raises BadFile."""
        if not isinstance(self.value, list):
            raise self.wrong(f"{self._shown()} is no list: write [one, two] or lines with a dash")
        for number, each in enumerate(self.value):
            yield Part(each, f"{self.place}[{number}]")

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.wrong(f"{self._shown()} is no text: put it between quotes")
        return self.value

    def texts(self) -> list[str]:
        return [each.text() for each in self.items()]

    def whole(self, least: int) -> int:
        """Return a whole number. Raises BadFile."""
        text = self.text()
        if not re.fullmatch(r"-?\d{1,9}", text) or int(text) < least:
            raise self.wrong(f"{text!r} is no whole number from {least} on")
        return int(text)

    def truth(self) -> bool:
        text = self.text().lower()
        if text not in _TRUTH:
            raise self.wrong(f"{text!r} is neither true nor false")
        return _TRUTH[text]

    def moment(self) -> Decimal:
        """Return a time: a number, or ISO 8601 as seconds since 1970."""
        text = self.text()
        try:
            number = Decimal(text)
        except InvalidOperation:
            return self._date(text)
        if not number.is_finite():
            raise self.wrong(f"{text!r} is no time: write a number")
        return number

    def _date(self, text: str) -> Decimal:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise self.wrong(
                f"{text!r} is no time: write a number, or a date in ISO 8601"
            ) from None
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return Decimal(str(found.timestamp()))

    def maybe(self, read: Callable[["Part"], _T]) -> _T | None:
        """Return what `read` makes of it, None for nothing."""
        if self.value is None or (isinstance(self.value, str) and self.value in _NOTHING):
            return None
        return read(self)

    def _before(self) -> str:
        return (
            f"{self.place}: " if self.place.endswith(")") else f"{self.place}." * bool(self.place)
        )

    def _shown(self) -> str:
        return _SHOWN.repr(self.value)[: _SHOWN.maxstring]
