"""The backup of an embedded installation: two SQLite files, copied while everything runs.

The order matters: pruning of the inbox rests, the Django database is copied first, the inbox second. So the inbox's copy holds
every row behind the position that the database's copy knows, and a restored lane goes on from there.
"""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.utils.translation import gettext

from dmp_site.backup.manifest import Manifest, sync
from identity.clock import Instant
from identity.errors import DomainError
from identity.touchpoints import inbox


def copy(directory: Path) -> Sequence[str]:
    """Copy both databases; return the names of their copies. Raises OSError, sqlite3.Error."""
    with inbox.rest():
        for name, source in _files().items():  # the Django database first, the inbox second
            _copy(source, directory / name)
    return list(_files())


def restore(directory: Path, _manifest: Manifest, key_file: Path, now: Instant) -> list[str]:
    """Put the copies in the place of the data, and what was there aside; return what was done. Raises DomainError."""
    staged = _stage(
        {target: directory / name for name, target in _files().items()} | keys_to_replace(key_file)
    )
    connections.close_all()
    databases = [Path(database["NAME"]) for database in settings.DATABASES.values()]
    files = [*databases, Path(settings.INBOX["OPTIONS"]["path"]), attempt()]
    said = set_aside(files, now) + keep_old_keys(
        now, replaced=settings.KEYS_FILE in staged.values()
    )
    for draft, target in staged.items():
        draft.rename(target)
    sync(settings.DATA_DIR)
    return said


def place_keys(key_file: Path, now: Instant) -> list[str]:
    """Put the key file in its place, unless it is there already; return what was done. Raises DomainError."""
    staged = _stage(keys_to_replace(key_file))
    said = keep_old_keys(now, replaced=bool(staged))
    for draft, target in staged.items():
        draft.rename(target)
    return said


def keys_to_replace(key_file: Path) -> dict[Path, Path]:
    """Return the place of the key file and the one that belongs there, unless they are the same."""
    return {} if _same(key_file, settings.KEYS_FILE) else {settings.KEYS_FILE: key_file}


def attempt() -> Path:
    """Return where a lane notes what it works on: a note of another time would blame the wrong row."""
    noted: Path = settings.DATA_DIR / "lane.attempt"
    return noted


def _stage(wanted: dict[Path, Path]) -> dict[Path, Path]:
    """Copy everything beside its place first: a disk without room is met while all is as it was. Return draft → target."""
    staged: dict[Path, Path] = {}
    try:
        for target, source in wanted.items():
            draft = target.with_name(f"restoring-{target.name}")
            staged[draft] = target
            copy_file(source, draft)
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


def _copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, without holding up who writes."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=20)) as here,
        closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there)
        there.execute("PRAGMA journal_mode=DELETE")  # one file, complete in itself
    target.chmod(0o600)
    sync(target)


def copy_file(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync(target)


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def set_aside(files: Sequence[Path], now: Instant) -> list[str]:
    """Move what is there into a directory of its own: the tasks that wait, too, for they know jobs of another time."""
    aside = settings.DATA_DIR / f"replaced-{now}"
    parts = [file.with_name(f"{file.name}{end}") for file in files for end in ("", "-wal", "-shm")]
    found = [part for part in parts if part.exists()]
    if not found:
        return []
    aside.mkdir(mode=0o700)
    for part in found:
        part.rename(aside / part.name)
    return [f"What was there is kept in {aside}."]


def keep_old_keys(now: Instant, *, replaced: bool) -> list[str]:
    """Keep a key file that is replaced in its own directory: it is not for us to put it beside the data."""
    if not (replaced and settings.KEYS_FILE.exists()):
        return []
    kept = settings.KEYS_FILE.rename(f"{settings.KEYS_FILE}.replaced-{now}")
    return [f"Its key file is kept as {kept}."]
