"""What a row of the inbox holds: one event as it came, with what its request said about it, encrypted.

Clear form: the messageId given to an event that came without one, the envelope and the event, each JSON, on "lines".
Encrypted form: AES-256-GCM under a key of its own for each run of the collector (HKDF of the installation's inbox key and
16 random bytes, which lead the payload), with a counter as nonce. So no nonce comes twice however many rows there will be.
"""

import itertools
import os
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SALT, _NONCE = 16, 12


class Unreadable(Exception):
    """A payload that was not sealed with this installation's key, or was damaged."""


class Envelope(msgspec.Struct, omit_defaults=True):
    """What the request says about its events. `type` was given by the address, `context` by the batch."""

    type: str | None = None
    sent_at: str | int | float | None = None
    timestamp: str | int | float | None = None
    context: dict[str, Any] | None = None


@lru_cache(maxsize=64)
def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=salt, info=b"filrouge/inbox/run").derive(key))


class Sealer:
    """Encrypts the payloads of one run of the collector. Used by one thread."""

    def __init__(self, key: bytes) -> None:
        self._salt = os.urandom(_SALT)
        self._encrypt = _cipher(key, self._salt).encrypt
        self._counter = itertools.count()

    def seal(self, clear: bytes) -> bytes:
        nonce = next(self._counter).to_bytes(_NONCE, "big")
        return b"".join((self._salt, nonce, self._encrypt(nonce, clear, None)))


def unseal(key: bytes, sealed: bytes) -> bytes:
    """Return the clear payload. Raises Unreadable."""
    nonce = sealed[_SALT : _SALT + _NONCE]
    try:
        return _cipher(key, sealed[:_SALT]).decrypt(nonce, sealed[_SALT + _NONCE :], None)
    except (InvalidTag, ValueError) as error:
        raise Unreadable("it cannot be decrypted with this installation's key") from error


def pack(envelope: bytes, event: bytes, message_id: str = "") -> bytes:
    return b"\n".join((message_id.encode(), envelope, event))


def unpack(clear: bytes) -> tuple[str, Envelope, bytes]:
    """Return the given messageId (or ""), the envelope and the event's JSON. Raises Unreadable."""
    try:
        message_id, envelope, event = clear.split(b"\n", 2)
        return message_id.decode(), _envelope(envelope), event
    except ValueError as error:
        raise Unreadable("it has another form than this version writes") from error


@lru_cache(maxsize=256)
def _envelope(encoded: bytes) -> Envelope:
    return msgspec.json.decode(encoded, type=Envelope)
