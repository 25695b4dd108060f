"""Addresses that a message carries: who and which message is sealed, where a link leads is signed. No Django, no clock.

The token is AES-SIV (RFC 5297) under a key derived from the installation's token key: it tells nothing to whoever sees the address,
the same message always gives the same one, and a changed one does not open. The destination of a link is in the clear, with an
HMAC-SHA256 over token and destination: nobody can make a link of ours that leads elsewhere.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from enum import Enum
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from identity.clock import Instant

_MAC = 16  # bytes of a signature that an address carries
_LONGEST = 4_000


class BadToken(Exception):
    """An address that this installation did not make."""


class Purpose(Enum):
    """What a token is good for; also the first part of its address."""

    CLICK = "c"
    OPEN = "o"
    UNSUBSCRIBE = "u"


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """The message that an address belongs to. `owner` and `address` are keys of identifiers; `at`: when it was handed over."""

    key: str
    owner: str
    address: str
    channel: str
    message_class: str
    at: Instant


class Addresses:
    """Makes and reads the addresses of one installation. `base`: how the world reaches the collector, without a final slash."""

    def __init__(self, token_key: bytes, base: str) -> None:
        self._base = base
        derived = HKDF(SHA256(), 64, salt=None, info=b"filrouge/links").derive(token_key)
        self._cipher = AESSIV(derived)
        self._ids = HKDF(SHA256(), 32, salt=None, info=b"filrouge/messages").derive(token_key)
        self._mac = HKDF(SHA256(), 32, salt=None, info=b"filrouge/destinations").derive(token_key)

    def message(self, key: str) -> str:
        """Return what names a delivery for everybody: its key alone ("1:send:1") comes up in every installation."""
        return hmac.digest(self._ids, key.encode(), hashlib.sha256).hex()[:40]

    def open_pixel(self, sent: Sent) -> str:
        return f"{self._base}/o/{self.seal(sent, Purpose.OPEN)}.gif"

    def unsubscribe(self, sent: Sent) -> str:
        return f"{self._base}/u/{self.seal(sent, Purpose.UNSUBSCRIBE)}"

    def link(self, sent: Sent, destination: str) -> str:
        """Return an address that records a click and leads to `destination` (http or https)."""
        token = self.seal(sent, Purpose.CLICK)
        query = urlencode({"to": destination, "s": self.sign(token, destination)})
        return f"{self._base}/c/{token}?{query}"

    def seal(self, sent: Sent, purpose: Purpose) -> str:
        sealed = self._cipher.encrypt(msgspec.json.encode(sent), [purpose.value.encode()])
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def unseal(self, token: str, purpose: Purpose) -> Sent:
        """Read a token. Raises BadToken."""
        if len(token) > _LONGEST or not token.isascii():
            raise BadToken
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            clear = self._cipher.decrypt(sealed, [purpose.value.encode()])
            return msgspec.json.decode(clear, type=Sent)
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise BadToken from error

    def sign(self, token: str, destination: str) -> str:
        mac = hmac.digest(self._mac, f"{token}\n{destination}".encode(), hashlib.sha256)
        return urlsafe_b64encode(mac[:_MAC]).decode().rstrip("=")

    def destination(self, token: str, destination: str, signature: str) -> str:
        """Return the destination when its signature is ours. Raises BadToken."""
        expected = self.sign(token, destination).encode()
        if not hmac.compare_digest(expected, signature.encode("utf-8", "surrogatepass")):
            raise BadToken
        return destination
