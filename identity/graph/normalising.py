"""How a clear value is brought into the one form under which it is an identifier, and whether it is written like personal data. No Django."""

import hashlib
import re
import unicodedata
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import unquote

import phonenumbers
from phonenumbers import CountryCodeSource, ValidationResult

REGIONS: frozenset[str] = frozenset(phonenumbers.SUPPORTED_REGIONS)  # ISO 3166
_NO_PREFIX = (
    CountryCodeSource.FROM_DEFAULT_COUNTRY,
    CountryCodeSource.FROM_NUMBER_WITHOUT_PLUS_SIGN,
)


class Refused(Exception):
    """A value that is no identifier. `reason` is a stable word for counting; the value itself is never in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# --- Normalisers: clear value, region -> clear value; raise Refused -------------------------------------------------------


def _strip(clear: str, _region: str) -> str:
    return clear.strip()


def email(clear: str, _region: str = "") -> str:
    """Trim, lower, NFC; lowering can leave a sequence that NFC joins, so NFC comes last too."""
    lowered = unicodedata.normalize("NFC", clear.strip()).lower()
    return unicodedata.normalize("NFC", lowered)


def phone(clear: str, region: str = "") -> str:
    """E.164; a number without a country code is completed with the region. Raises Refused."""
    try:
        number = phonenumbers.parse(clear, region.upper() or None, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        raise Refused("not_a_phone_number") from error
    if number.country_code_source in _NO_PREFIX and not phonenumbers.is_valid_number(number):
        number = _with_plus(clear, number.country_code) or number
    if not phonenumbers.is_possible_number(number):
        raise Refused("not_a_phone_number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _with_plus(clear: str, country_code: int | None) -> phonenumbers.PhoneNumber | None:
    """Read a number as one that begins with this country code, if it can be one.

    The parser takes a country code without a plus for one only where the rest is a number that may be given to somebody: in
    published examples it is not.
    """
    try:
        number = phonenumbers.parse(f"+{clear}")
    except phonenumbers.NumberParseException:
        return None
    length = phonenumbers.is_possible_number_with_reason(number)
    is_one = number.country_code == country_code and length == ValidationResult.IS_POSSIBLE
    return number if is_one else None


def sha256_hex(clear: str, _region: str = "") -> str:
    """Return a SHA-256 that a partner made, in hex or base64, as lower-case hex. Raises Refused."""
    text = clear.strip()
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return text.lower()
    try:
        digest = b64decode(text, validate=True)
    except (BadBase64, ValueError) as error:
        raise Refused("not_a_hash") from error
    if len(digest) != hashlib.sha256().digest_size:
        raise Refused("not_a_hash")
    return digest.hex()


NORMALISERS: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {
        "none": lambda clear, _region: clear,
        "strip": _strip,
        "email": email,
        "phone": phone,
        "sha256": sha256_hex,
    }
)

# --- Personal data ------------------------------------------------------------------------------------------------------

EMAIL_WITHIN = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
# An international number; a national one that begins with one zero; three groups as in North America.
_PHONE = re.compile(
    r"(\+|00)[ (]*[1-9](?:[ ().\-/]*\d){6,13}"
    r"|\(?0[1-9](?:[ ().\-/]*\d){7,9}"
    r"|(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])\d{3}[-. ]\d{4}"
)


_ENCODED = 3  # times at most, as by an address in an address


def unquoted(value: str) -> str:
    """Return a value as it was before it went into the address of a page, or of one within another."""
    for _ in range(_ENCODED):
        if "%" not in value:
            break
        value = unquote(value)
    return value


def looks_like_pii(value: str) -> bool:
    """Say whether a value of whatever namespace holds an e-mail address or is written like a phone number.

    Plain digits without a leading zero or plus are taken for a number of the site's own.
    """
    value = unquoted(value)
    if "@" in value:
        return EMAIL_WITHIN.search(value) is not None
    return _PHONE.fullmatch(value.strip()) is not None
