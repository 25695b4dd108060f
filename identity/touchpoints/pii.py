"""Takes a person's fields out of a payload: they go to the vault, the rest goes on without them."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

DEEPEST = 64  # the collector refuses deeper events
_FIELDS = {
    "email": "email",
    "emailaddress": "email",
    "phone": "phone",
    "phonenumber": "phone",
    "firstname": "first_name",
    "givenname": "first_name",
    "lastname": "last_name",
    "familyname": "last_name",
    "surname": "last_name",
    "fullname": "name",
    "address": "address",
    "streetaddress": "address",
    "birthday": "birthday",
    "birthdate": "birthday",
    "dateofbirth": "birthday",
    "ip": "ip",
    "ipaddress": "ip",
}
_OF_PERSONS = _FIELDS | {"name": "name"}  # elsewhere a name is that of a page or a product
_EMAIL = re.compile(r"[^\s@/?&=#:;,<>\"']+(?:@|%40)[^\s@/?&=#:;,<>\"']+\.[A-Za-z]{2,}")
_REMOVED = "[email]"


@lru_cache(maxsize=4096)
def _plain(key: str) -> str:
    return re.sub(r"[\s_-]", "", key).lower()


class Cleaner:
    """Collects what it takes out: `fields` maps vault fields to clear values, the first found wins.

    Fields of the outermost level have the vault's names; what lies deeper (it may be somebody else's) has a dotted path.
    """

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}

    def clean(
        self, part: str, payload: Mapping[str, Any], *, person: bool = False
    ) -> dict[str, Any]:
        """Return the payload without a person's fields; `person` says that the payload describes one (traits)."""
        return self._object(payload, _OF_PERSONS if person else _FIELDS, part, top=True)

    def _object(
        self, payload: Mapping[str, Any], names: Mapping[str, str], path: str, *, top: bool
    ) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in payload.items():
            name = names.get(_plain(key))
            # {"email": true} is a wish and no address: consent is said like that.
            if name is not None and not isinstance(value, bool):
                self._take(name if top else f"{path}.{key}", value)
            else:
                kept[key] = self._value(value, names, path, key)
        return {key: value for key, value in kept.items() if value is not _TAKEN}

    def _value(self, value: Any, names: Mapping[str, str], path: str, key: str) -> Any:
        if isinstance(value, str):
            return self._text(value, f"{path}.{key}") if "@" in value or "%40" in value else value
        if isinstance(value, dict):
            return self._object(value, names, f"{path}.{key}", top=False)
        if isinstance(value, list):
            found = (self._value(each, names, path, key) for each in value)
            return [each for each in found if each is not _TAKEN]
        return value

    def _text(self, value: str, path: str) -> Any:
        """Take an e-mail address wherever it is; cut it out of a longer text, such as the address of a page."""
        if _EMAIL.fullmatch(value.strip()):
            self._take(path, value)
            return _TAKEN
        return _EMAIL.sub(_REMOVED, value)

    def _take(self, name: str, value: Any) -> None:
        if value not in (None, "", [], {}):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            self.fields.setdefault(name, text)


_TAKEN = object()
