"""Hashed e-mail addresses and phone numbers, in the conventions of those who receive them. No Django.

The conventions do not agree, so a value is hashed per destination from the vault's clear value, and a hash that a partner sends
enters as a namespace of its own convention. Sources: the vendors' public documentation (see docs/concepts.md).
"""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from identity.graph.normalising import Refused, phone

_NORTH_AMERICA = 10  # digits after the country code 1


@dataclass(frozen=True, slots=True)
class Hashed:
    """A value in one convention: `text` is what was hashed."""

    text: str
    digest: bytes

    @property
    def hex(self) -> str:
        return self.digest.hex()

    @property
    def base64(self) -> str:
        return b64encode(self.digest).decode()


@dataclass(frozen=True, slots=True)
class Convention:
    """How one destination wants its values: normalisers by kind (email, phone, first_name); SHA-256 unless `sha1`.

    `encoding`: "hex" or "base64", what the destination takes where it takes one only.
    """

    normalisers: Mapping[str, Callable[[str, str], str]]
    encoding: str = "hex"
    sha1: frozenset[str] = frozenset()


def _without_white_space(clear: str) -> str:
    return "".join(clear.split())


def _gmail(address: str, domains: frozenset[str]) -> str:
    """Drop the dots and the +suffix where the mail host ignores them."""
    local, at, domain = address.rpartition("@")
    if domain not in domains:
        return address
    return local.partition("+")[0].replace(".", "") + at + domain


def _uid2_email(clear: str, _region: str) -> str:
    return _gmail(clear.strip().lower(), frozenset({"gmail.com"}))


def _google_email(clear: str, _region: str) -> str:
    return _gmail(_without_white_space(clear).lower(), frozenset({"gmail.com", "googlemail.com"}))


def _trim_lower(clear: str, _region: str) -> str:
    return clear.strip().lower()


def _liveramp_email(clear: str, _region: str) -> str:
    return _without_white_space(clear).lower()


def _digits(clear: str, region: str) -> str:
    return phone(clear, region).removeprefix("+")


def _ten_digits(clear: str, region: str) -> str:
    digits = _digits(clear, region or "US")
    if len(digits) != _NORTH_AMERICA + 1 or not digits.startswith("1"):
        raise Refused("not_a_us_phone_number")
    return digits[1:]


_UID2 = Convention({"email": _uid2_email, "phone": phone}, encoding="base64")

CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "uid2": _UID2,
        "ttd": _UID2,  # The Trade Desk
        "google": Convention({"email": _google_email, "phone": phone}),
        "meta": Convention({"email": _trim_lower, "phone": _digits, "first_name": _trim_lower}),
        "liveramp": Convention(
            {"email": _liveramp_email, "phone": _ten_digits}, sha1=frozenset({"phone"})
        ),
    }
)


def hashed(convention: str, kind: str, clear: str, *, region: str = "") -> Hashed:
    """Return the value as `convention` wants it. Raises KeyError for what it does not take, Refused for a bad value."""
    rules = CONVENTIONS[convention]
    text = rules.normalisers[kind](clear, region)
    algorithm = hashlib.sha1 if kind in rules.sha1 else hashlib.sha256
    return Hashed(text, algorithm(text.encode()).digest())
