"""What a backup consists of, and which keys open it. Written last: a directory without a manifest is a backup that was cut short."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from django.utils.translation import gettext

from identity.clock import Instant
from identity.errors import DomainError
from identity.privacy.keys import Keys, KeysMissing, require_keys

NAME = "manifest.json"


class Manifest(msgspec.Struct):
    """`stores`: sqlite, postgresql or neo4j. `files`: SHA-256 in hex, by name. Keys by their fingerprints."""

    created_at: Instant
    stores: str
    identifier_key: str
    vault_key: str
    files: dict[str, str]


def of(directory: Path, names: Iterable[str], stores: str, keys: Keys, now: Instant) -> Manifest:
    return Manifest(
        created_at=now,
        stores=stores,
        identifier_key=keys.fingerprint("identifier"),
        vault_key=keys.fingerprint("vault"),
        files={name: _digest(directory / name) for name in names},
    )


def write(directory: Path, manifest: Manifest) -> None:
    draft = directory / f"{NAME}.draft"
    draft.write_text(json.dumps(msgspec.to_builtins(manifest), indent=2))
    sync(draft)
    draft.rename(directory / NAME)
    sync(directory)


def verified(directory: Path, stores: str) -> Manifest:
    """Read the manifest and compare every file with it. Raises DomainError."""
    try:
        manifest = msgspec.json.decode((directory / NAME).read_bytes(), type=Manifest)
        for name, digest in manifest.files.items():
            if _digest(directory / name) != digest:
                raise DomainError(
                    "damaged",
                    gettext("%(directory)s is not as it was written")
                    % {"directory": directory / name},
                )
    except (OSError, msgspec.DecodeError) as error:
        raise DomainError(
            "no_backup",
            gettext("%(directory)s is no complete backup: %(error)s")
            % {"directory": directory, "error": error},
        ) from error
    if manifest.stores != stores:
        raise DomainError(
            "other_stores",
            gettext(
                "the backup is of an installation on %(theirs)s, this one is on %(ours)s: set FILROUGE_DATABASE_URL and FILROUGE_GRAPH_URL as they were"
            )
            % {"theirs": manifest.stores, "ours": stores},
        )
    return manifest


def compare_keys(key_file: Path, manifest: Manifest) -> None:
    """Raise DomainError unless this is the key file that the backup's data were written with."""
    if not key_file.exists():
        raise DomainError(
            "no_keys",
            gettext("%(key_file)s does not exist: name the key file with --keys")
            % {"key_file": key_file},
        )
    try:
        keys = require_keys(key_file)
    except KeysMissing as error:
        raise DomainError(
            "no_keys", gettext("%(error)s, or name another one with --keys") % {"error": error}
        ) from error
    if (keys.fingerprint("identifier"), keys.fingerprint("vault")) != (
        manifest.identifier_key,
        manifest.vault_key,
    ):
        raise DomainError(
            "wrong_keys",
            gettext("%(key_file)s is not the key file of this backup") % {"key_file": key_file},
        )


def sync(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
