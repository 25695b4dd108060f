"""Copies an installation while it runs, and brings a copy back.

The order matters: pruning of the inbox rests, the Django database is copied first, the inbox second. So the inbox's copy holds
every row behind the position that the database's copy knows, and a restored lane goes on from there. The key file is never
part of the copy: with it beside the data, the encryption of personal data would be worth nothing to a thief.
"""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from dmp_site.processes.lock import FileLock
from identity.clock import Instant
from identity.errors import DomainError
from identity.privacy import audit
from identity.privacy.keys import keys_at, require_keys
from identity.touchpoints import inbox, installation
from identity.touchpoints.inbox.port import ForeignInbox, InboxTaken
from identity.touchpoints.models import Installation

MANIFEST = "manifest.json"
ACTOR = "command:restore"


def create(directory: Path, now: Instant, *, keys_to: Path | None = None) -> None:
    """Copy both databases into a new directory; the key file, when asked for, to a place outside of it."""
    _only_files()
    keys = require_keys(settings.KEYS_FILE)
    _check_targets(directory, keys_to)
    directory.mkdir(mode=0o700, parents=True)
    with inbox.rest():
        for name, source in _files().items():  # the Django database first, the inbox second
            _copy(source, directory / name)
    if keys_to is not None:
        shutil.copy2(settings.KEYS_FILE, keys_to)
        keys_to.chmod(0o600)
    manifest = {
        "created_at": now,
        "identifier_key": keys.fingerprint("identifier"),
        "vault_key": keys.fingerprint("vault"),
        "files": {name: _digest(directory / name) for name in _files()},
    }
    # Written last: a directory without it is a backup that was cut short.
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2))


def restore(directory: Path, now: Instant, *, keys_from: Path | None = None) -> list[str]:
    """Put a copy in the place of the data; what was there is kept aside. Nothing may be running. Return what was done.

    Raises DomainError, having changed nothing, when the copy is incomplete or damaged, the key is not its own, or a process
    of this installation runs.
    """
    _only_files()
    manifest = _verified(directory)
    key_file = keys_from or settings.KEYS_FILE
    _compare_keys(key_file, manifest)
    _nothing_runs()
    said = _set_aside(now)
    for name, target in _files().items():
        shutil.copy2(directory / name, target)
        target.chmod(0o600)
    if keys_from is not None and keys_from.resolve() != settings.KEYS_FILE:
        settings.KEYS_FILE.unlink(missing_ok=True)
        shutil.copy2(keys_from, settings.KEYS_FILE)
        settings.KEYS_FILE.chmod(0o600)
    looked = _look()
    restored, detail = f"identity.installation:{installation.ROW}", {"of": manifest["created_at"]}
    audit.record(ACTOR, "installation.restore", restored, detail, now)
    return [*said, *looked]


def _files() -> dict[str, Path]:
    return {
        "filrouge.sqlite3": Path(settings.DATABASES["default"]["NAME"]),
        "inbox.sqlite3": Path(settings.INBOX["OPTIONS"]["path"]),
    }


def _only_files() -> None:
    if connections["default"].vendor != "sqlite":
        raise DomainError(
            "not_files",
            "this installation keeps its data in PostgreSQL: use pg_dump and pg_restore",
        )


def _check_targets(directory: Path, keys_to: Path | None) -> None:
    if directory.exists():
        raise DomainError("exists", f"{directory} exists already: name a new directory")
    if keys_to is not None and keys_to.resolve().is_relative_to(directory.resolve()):
        raise DomainError("keys_beside_data", "keep the key file apart from the data it opens")
    if keys_to is not None and keys_to.exists():
        raise DomainError("exists", f"{keys_to} exists already")


def _copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, without holding up who writes."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=20)) as here,
        closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
    target.chmod(0o600)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(directory: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text())
        for name in _files():
            if _digest(directory / name) != manifest["files"][name]:
                raise DomainError("damaged", f"{directory / name} is not as it was written")
    except (OSError, ValueError, KeyError) as error:
        raise DomainError("no_backup", f"{directory} is no complete backup: {error}") from error
    return manifest


def _compare_keys(key_file: Path, manifest: dict[str, Any]) -> None:
    if not key_file.exists():
        raise DomainError("no_keys", f"{key_file} does not exist: name the key file with --keys")
    keys = keys_at(key_file)
    for name in ("identifier", "vault"):
        if keys.fingerprint(name) != manifest[f"{name}_key"]:
            raise DomainError("wrong_keys", f"{key_file} is not the key file of this backup")


def _nothing_runs() -> None:
    if not FileLock(settings.DATA_DIR / "lane.lock").acquire():
        raise DomainError("running", "the lane runs: stop `manage.py up` first")
    try:
        inbox.writer().close()
    except InboxTaken as error:
        raise DomainError("running", "the collector runs: stop `manage.py up` first") from error
    except ForeignInbox:  # there is none to be written
        return


def _set_aside(now: Instant) -> list[str]:
    """Move what is there into a directory of its own."""
    connections.close_all()
    aside = settings.DATA_DIR / f"replaced-{now}"
    found = [
        part
        for file in (*_files().values(), settings.DATA_DIR / "lane.attempt")
        for part in file.parent.glob(f"{file.name}*")
        if part.suffix not in {".ticket", ".stamp", ".prune", ".writer"}
    ]
    if not found:
        return []
    aside.mkdir(mode=0o700)
    for part in found:
        part.rename(aside / part.name)
    return [f"What was there is kept in {aside}."]


def _look() -> list[str]:
    """Look whether what was restored belongs together."""
    reader = inbox.reader()
    installation.verify_inbox(reader.uuid())
    reader.check()
    made = Installation.objects.get(pk=installation.ROW)
    return [f"Restored the {made}.", "Start it: manage.py up"]
