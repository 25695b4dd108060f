"""Copies an installation while it runs, and brings a copy back.

The order matters: pruning of the inbox rests, the Django database is copied first, the inbox second. So the inbox's copy holds
every row behind the position that the database's copy knows, and a restored lane goes on from there. The key file is never
part of the copy: with it beside the data, the encryption of personal data would be worth nothing to a thief.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from django.utils.translation import gettext

from dmp_site.processes import running
from identity.clock import Instant
from identity.errors import DomainError
from identity.privacy import audit
from identity.privacy.keys import Keys, KeysMissing, require_keys
from identity.touchpoints import inbox, installation
from identity.touchpoints.models import Installation

MANIFEST = "manifest.json"
ACTOR = "command:restore"


def create(directory: Path, now: Instant, *, keys_to: Path | None = None) -> None:
    """Copy both databases into a new directory; the key file, when asked for, to a place outside of it.

    Raises KeysMissing, and DomainError, having left nothing behind, when there is no room or a file cannot be read.
    """
    _only_files()
    keys = require_keys(settings.KEYS_FILE)
    _check_targets(directory, keys_to)
    directory.mkdir(mode=0o700, parents=True)
    try:
        with inbox.rest():
            for name, source in _files().items():  # the Django database first, the inbox second
                _copy(source, directory / name)
        if keys_to is not None:
            _copy_file(settings.KEYS_FILE, keys_to)
        _write_manifest(directory, keys, now)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(directory, ignore_errors=True)
        if keys_to is not None:
            keys_to.unlink(missing_ok=True)
        raise DomainError(
            "not_copied",
            gettext("nothing was copied to %(directory)s: %(error)s")
            % {"directory": directory, "error": error},
        ) from error


def _write_manifest(directory: Path, keys: Keys, now: Instant) -> None:
    """Write what the copy consists of, last: a directory without it is a backup that was cut short."""
    manifest = {
        "created_at": now,
        "identifier_key": keys.fingerprint("identifier"),
        "vault_key": keys.fingerprint("vault"),
        "files": {name: _digest(directory / name) for name in _files()},
    }
    draft = directory / f"{MANIFEST}.draft"
    draft.write_text(json.dumps(manifest, indent=2))
    _sync(draft)
    draft.rename(directory / MANIFEST)
    _sync(directory)


def restore(directory: Path, now: Instant, *, keys_from: Path | None = None) -> list[str]:
    """Put a copy in the place of the data; what was there is kept aside. Nothing may be running. Return what was done.

    Raises DomainError, having changed nothing, when the copy is incomplete or damaged, the key is not its own, there is no room,
    or a process of this installation runs.
    """
    _only_files()
    manifest = _verified(directory)
    key_file = keys_from or settings.KEYS_FILE
    _compare_keys(key_file, manifest)
    with running.alone(settings.DATA_DIR):
        staged = _stage(directory, key_file)
        said = _set_aside(now, new_keys=settings.KEYS_FILE in staged.values())
        for draft, target in staged.items():
            draft.rename(target)
        _sync(settings.DATA_DIR)
        looked = _look()
    restored, detail = f"identity.installation:{installation.ROW}", {"of": manifest["created_at"]}
    audit.record(ACTOR, "installation.restore", restored, detail, now)
    return [*said, *looked]


def _stage(directory: Path, key_file: Path) -> dict[Path, Path]:
    """Copy everything beside its place first: a disk without room is met while all is as it was. Return draft → target."""
    wanted = {target: directory / name for name, target in _files().items()}
    if not _same(key_file, settings.KEYS_FILE):
        wanted[settings.KEYS_FILE] = key_file
    staged: dict[Path, Path] = {}
    try:
        for target, source in wanted.items():
            draft = target.with_name(f"restoring-{target.name}")
            staged[draft] = target
            _copy_file(source, draft)
    except OSError as error:
        for draft in staged:
            draft.unlink(missing_ok=True)
        raise DomainError(
            "not_restored", gettext("nothing was restored: %(error)s") % {"error": error}
        ) from error
    return staged


def _files() -> dict[str, Path]:
    return {
        "filrouge.sqlite3": Path(settings.DATABASES["default"]["NAME"]),
        "inbox.sqlite3": Path(settings.INBOX["OPTIONS"]["path"]),
    }


def _only_files() -> None:
    if connections["default"].vendor != "sqlite":
        raise DomainError(
            "not_files",
            gettext("this installation keeps its data in PostgreSQL: use pg_dump and pg_restore"),
        )


def _check_targets(directory: Path, keys_to: Path | None) -> None:
    if directory.exists():
        raise DomainError(
            "exists",
            gettext("%(directory)s exists already: name a new directory")
            % {"directory": directory},
        )
    if keys_to is not None and keys_to.resolve().is_relative_to(directory.resolve()):
        raise DomainError(
            "keys_beside_data", gettext("keep the key file apart from the data it opens")
        )
    if keys_to is not None and keys_to.exists():
        raise DomainError("exists", gettext("%(keys_to)s exists already") % {"keys_to": keys_to})


def _copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, without holding up who writes."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=20)) as here,
        closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
    target.chmod(0o600)
    _sync(target)


def _copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    _sync(target)


def _sync(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(directory: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text())
        for name in _files():
            if _digest(directory / name) != manifest["files"][name]:
                raise DomainError(
                    "damaged",
                    gettext("%(directory)s is not as it was written")
                    % {"directory": directory / name},
                )
    except (OSError, ValueError, KeyError) as error:
        raise DomainError(
            "no_backup",
            gettext("%(directory)s is no complete backup: %(error)s")
            % {"directory": directory, "error": error},
        ) from error
    return manifest


def _compare_keys(key_file: Path, manifest: Mapping[str, Any]) -> None:
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
    for name in ("identifier", "vault"):
        if keys.fingerprint(name) != manifest.get(f"{name}_key"):
            raise DomainError(
                "wrong_keys",
                gettext("%(key_file)s is not the key file of this backup")
                % {"key_file": key_file},
            )


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def _set_aside(now: Instant, *, new_keys: bool) -> list[str]:
    """Move what is there into a directory of its own: the tasks that wait, too, for they know jobs of another time.

    A key file that is replaced stays in its own directory: it is not for us to put it beside the data.
    """
    connections.close_all()
    aside = settings.DATA_DIR / f"replaced-{now}"
    databases = [Path(database["NAME"]) for database in settings.DATABASES.values()]
    files = [
        *databases,
        Path(settings.INBOX["OPTIONS"]["path"]),
        settings.DATA_DIR / "lane.attempt",
    ]
    parts = [file.with_name(f"{file.name}{end}") for file in files for end in ("", "-wal", "-shm")]
    said = []
    if found := [part for part in parts if part.exists()]:
        aside.mkdir(mode=0o700)
        for part in found:
            part.rename(aside / part.name)
        said.append(f"What was there is kept in {aside}.")
    if new_keys and settings.KEYS_FILE.exists():
        kept = settings.KEYS_FILE.rename(f"{settings.KEYS_FILE}.replaced-{now}")
        said.append(f"Its key file is kept as {kept}.")
    return said


def _look() -> list[str]:
    """Look whether what was restored belongs together."""
    reader = inbox.reader()
    installation.verify_inbox(reader.uuid())
    reader.check()
    made = Installation.objects.get(pk=installation.ROW)
    return [f"Restored the {made}.", "Start it: manage.py up"]
