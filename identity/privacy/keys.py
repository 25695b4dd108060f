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


class KeysMissing(Exception):
    """There is no key file; `manage.py up` makes one for an installation that has no data yet."""


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


@lru_cache(maxsize=4)
def _read(path: Path, _modified: int) -> Keys:
    return derive(bytes.fromhex(json.loads(path.read_text())["root"]))


@lru_cache(maxsize=1)
def _of_no_installation() -> Keys:
    return derive(secrets.token_bytes(32))


def keys_at(path: Path) -> Keys:
    """Read the key file. Without one, return random keys of this process: enough for `--help`, refused by `require_keys`."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return _of_no_installation()


def require_keys(path: Path) -> Keys:
    """Read the key file. Raises KeysMissing without one."""
    if not path.exists():
        raise KeysMissing(
            f"{path} does not exist: run `manage.py up`, or restore the key file from its backup"
        )
    return keys_at(path)


def make_keys(path: Path) -> Keys:
    """Make a key file of mode 600. The caller has seen that the installation holds no data. Raises FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump({"root": secrets.token_hex(32)}, file)
        file.flush()
        os.fsync(file.fileno())
    return keys_at(path)
