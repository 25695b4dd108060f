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
    "mobile": "phone",
    "mobilephone": "phone",
    "telephone": "phone",
    "msisdn": "phone",
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
    "dob": "birthday",
    "ip": "ip",
    "ipaddress": "ip",
}
# Whatever ends like this is of some person, whose ever: customer_phone, shippingAddress, billing_name. Not: iPhone, automobile.
_PERSONAL = re.compile(
    r"(?:email"
    r"|(?<!i)(?<!smart)(?<!micro)(?<!head)phone(?:number|no)?"
    r"|(?<!auto)mobile(?:number|no)?|msisdn"
    r"|address|street"
    r"|(?:first|last|middle|given|family|full|maiden|sur)name"
    r"|(?:billing|shipping|delivery|customer|client|contact|recipient|buyer|sender|cardholder|guest|patient|passenger)name"
    r"|dateofbirth|birth(?:date|day))$"
)
_OTHERS = "-"  # a person's, but no field of the owner's
_LEAST_NUMBER = (
    1_000_000  # a smaller number is a count (mails sent to an email), not a phone number
)
_STOP = r"\s@/?&=#:;,<>\"'"
# From the beginning of a word only, so that a long text is read once. In addresses of pages an @ may be %40, or %2540.
_EMAIL = re.compile(
    rf"(?:(?<![^{_STOP}])|(?<=%40))(?:[^{_STOP}%]|%(?!(?:25)*40))++"
    rf"(?:@|%(?:25)*40)[^{_STOP}%]+\.[A-Za-z]{{2,}}"
)
_PHONE = re.compile(r"(?<!\w)(?:\+|%(?:25)*2[Bb])[1-9](?:[ ().-]?\d){8,13}(?!\d)")
_PARAMETER = re.compile(r"(?<=[?&;#])([^=?&;#]+)=([^&;#]+)")
_ADDRESSES = ("http://", "https://", "/", "?")
_REMOVED = "[email]"
_NUMBER_REMOVED = "[phone]"
_VALUE_REMOVED = "[removed]"


@lru_cache(maxsize=4096)
def _field(key: str) -> str:
    """Return the vault's field that a key names, _OTHERS for another person's, "" for what is not personal."""
    plain = re.sub(r"[\s_.\-\[\]]", "", key).lower().rstrip("0123456789")
    return _FIELDS.get(plain) or (_OTHERS if _PERSONAL.search(plain) else "")


class Cleaner:
    """Collects what it takes out: `fields` maps vault fields to clear values, the first found wins.

    Fields of the outermost level have the vault's names; what lies deeper (it may be somebody else's) has a dotted path.
    """

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}

    def clean(
        self, part: str, payload: Mapping[str, Any], *, person: bool = False, owner: bool = True
    ) -> dict[str, Any]:
        """Return the payload without a person's fields.

        `person`: the payload describes one (traits), so that its `name` is a person's; elsewhere a name is that of a page, a
        product or a company. `owner`: it is the owner of the touchpoint.
        """
        if person and "name" in payload:
            payload = dict(payload)
            self._take("name" if owner else _OTHERS, f"{part}.name", payload.pop("name"))
        return self._object(payload, part, owner=owner)

    def text(self, value: str) -> str:
        """Cut e-mail addresses and international phone numbers out of a text, and personal parameters out of an address."""
        if "=" in value and value.startswith(_ADDRESSES):
            value = _PARAMETER.sub(_without_value, value)
        if "@" in value or ("%" in value and "40" in value):
            value = _EMAIL.sub(_REMOVED, value)
        if "+" in value or "%2" in value:
            value = _PHONE.sub(_NUMBER_REMOVED, value)
        return value

    def _object(self, payload: Mapping[str, Any], path: str, *, owner: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key, value in payload.items():
            name = _field(key)
            if name and _may_be_personal(name, value):
                self._take(name if owner else _OTHERS, f"{path}.{key}", value)
            else:
                kept[self._key(key, kept)] = self._value(value, path, key)
        return {key: value for key, value in kept.items() if value is not _TAKEN}

    def _key(self, key: str, taken: Mapping[str, Any]) -> str:
        clean = made = self.text(key)
        number = 1
        while clean != key and made in taken:
            number += 1
            made = f"{clean} {number}"
        return made

    def _value(self, value: Any, path: str, key: str) -> Any:
        if isinstance(value, str):
            return self._text(value, f"{path}.{key}")
        if isinstance(value, dict):
            return self._object(value, f"{path}.{key}", owner=False)
        if isinstance(value, list):
            found = (self._value(each, path, key) for each in value)
            return [each for each in found if each is not _TAKEN]
        return value

    def _text(self, value: str, path: str) -> Any:
        """Take an e-mail address or a phone number wherever it is; cut it out of a longer text, such as the address of a page."""
        found = self.text(value)
        if found.strip() in {_REMOVED, _NUMBER_REMOVED} and found != value:
            self._take(_OTHERS, path, value)
            return _TAKEN
        return found

    def _take(self, name: str, path: str, value: Any) -> None:
        """Keep a value for the vault, under a name of its own when another has the field already."""
        if value not in (None, "", [], {}):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            if name == _OTHERS or self.fields.get(name, text) != text:
                name = self.text(path)
            self.fields.setdefault(name, text)


_TAKEN = object()


def _may_be_personal(name: str, value: Any) -> bool:
    """{"email": true} is a wish and no address: consent is said like that. {"sent_email": 3} is a count."""
    if isinstance(value, bool):
        return False
    return not (name == _OTHERS and isinstance(value, int | float) and value < _LEAST_NUMBER)


def _without_value(parameter: re.Match[str]) -> str:
    name = parameter[1]
    return f"{name}={_VALUE_REMOVED}" if _field(name) else parameter[0]
