"""The installation's secret keys, all derived from one root by HKDF-SHA256 (RFC 5869).

The root lives in one file of mode 600. Losing it makes the vault unreadable and every identifier of a person unfindable, so a
key is never made beside existing data: see `make_keys`.
"""

import hashlib
import hmac
import json
import os
import secrets
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_ROOT = 32  # bytes


class KeysMissing(Exception):
    """There is no key file; `manage.py up` makes one for an installation that has no data yet."""


class KeysUnreadable(KeysMissing):
    """There is a key file, but no key can be read from it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one installation; each 32 bytes unless said."""

    identifier: bytes  # HMAC of PII identifiers
    vault: bytes  # AES-GCM of clear PII values
    inbox: bytes  # AES-GCM of waiting payloads
    tombstone: bytes  # HMAC of erased identifiers
    token: bytes  # signatures of links, pixels, unsubscribe addresses
    door: str  # bearer token of the collector's loopback door, hex
    session_key: str  # Django's SECRET_KEY, hex
    profile_namespace: uuid.UUID  # uuid5 namespace of profile ids

    def fingerprint(self, name: str) -> str:
        """Return 16 hex digits that tell whether two keys are the same, and nothing else."""
        return hmac.new(getattr(self, name), b"fingerprint", hashlib.sha256).hexdigest()[:16]


def derive(root: bytes) -> Keys:
    """Derive every key from the root (32 bytes or more)."""

    def key(purpose: str) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=f"filrouge/{purpose}".encode()).derive(root)

    return Keys(
        identifier=key("identifier"),
        vault=key("vault"),
        inbox=key("inbox"),
        tombstone=key("tombstone"),
        token=key("token"),
        door=key("door").hex(),
        session_key=key("session").hex(),
        profile_namespace=uuid.UUID(bytes=key("profile-namespace")[:16], version=4),
    )


def _read(path: Path) -> Keys:
    """Read the file as it is now. Raises FileNotFoundError or KeysUnreadable."""
    try:
        return derive(_root(path.read_bytes()))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysUnreadable(
            f"{path} cannot be read as a key file ({type(error).__name__}): restore it from its backup"
        ) from error


def _root(text: bytes) -> bytes:
    root = bytes.fromhex(json.loads(text)["root"])
    if len(root) < _ROOT:
        raise ValueError(f"the root is shorter than {_ROOT} bytes")
    return root


@lru_cache(maxsize=4)
def _held(path: Path) -> Keys:
    return _read(path)


@lru_cache(maxsize=1)
def _of_no_installation() -> Keys:
    return derive(secrets.token_bytes(_ROOT))


def keys_at(path: Path) -> Keys:
    """Return the keys of the file, for the life of the process: one that runs goes on when the file is lost or replaced.

    Without a file, return random keys of this process: enough for `--help`, refused by `require_keys`. Raises KeysUnreadable.
    """
    try:
        return _held(path)
    except FileNotFoundError:
        return _of_no_installation()


def session_key(path: Path) -> str:
    """Return Django's SECRET_KEY. An unreadable key file does not keep a command from starting: it says so itself."""
    try:
        return keys_at(path).session_key
    except KeysUnreadable:
        return _of_no_installation().session_key


def require_keys(path: Path) -> Keys:
    """Read the key file as it is now. Raises KeysMissing without one, KeysUnreadable when it is damaged."""
    try:
        return _read(path)
    except FileNotFoundError as error:
        raise KeysMissing(
            f"{path} does not exist: run `manage.py up`, or restore the key file from its backup"
        ) from error


def make_keys(path: Path) -> Keys:
    """Make a key file of mode 600. The caller has seen that the installation holds no data. Raises FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({"root": secrets.token_hex(_ROOT)}, file)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)  # whole or not at all, and never in the place of another
    finally:
        draft.unlink(missing_ok=True)
    return keys_at(path)
