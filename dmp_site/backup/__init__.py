"""Copies an installation while it runs, and brings a copy back, whatever its data live in.

The key file is never part of the copy: with it beside the data, the encryption of personal data would be worth nothing to a thief.
How each kind of store is copied: `files` (SQLite), `served` (PostgreSQL, and Neo4j beside it).
"""

import shutil
import sqlite3
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext

from dmp_site.backup import files, manifest, served
from dmp_site.processes import running
from identity import graph
from identity.clock import Instant
from identity.errors import DomainError
from identity.graph.port import StoreAway
from identity.graph.sql_store import SqlStore
from identity.privacy import audit
from identity.privacy.keys import require_keys
from identity.touchpoints import inbox, installation
from identity.touchpoints.inbox.port import InboxAway
from identity.touchpoints.models import Installation

ACTOR = "command:restore"
_EXPECTED = (OSError, sqlite3.Error, served.Failed)


def create(directory: Path, now: Instant, *, keys_to: Path | None = None) -> None:
    """Copy all stores into a new directory; the key file, when asked for, to a place outside of it.

    Raises KeysMissing, and, having left nothing behind, DomainError when there is no room, StoreAway, GraphMissing and errors of the
    database as they come.
    """
    keys = require_keys(settings.KEYS_FILE)
    _check_targets(directory, keys_to)
    directory.mkdir(mode=0o700, parents=True)
    try:
        copied = files.copy(directory) if _stores() == "sqlite" else served.copy(directory)
        if keys_to is not None:
            files.copy_file(settings.KEYS_FILE, keys_to)
        manifest.write(directory, manifest.of(directory, copied, _stores(), keys, now))
    except BaseException as error:
        shutil.rmtree(directory, ignore_errors=True)
        if keys_to is not None:
            keys_to.unlink(missing_ok=True)
        if not isinstance(error, _EXPECTED):
            raise
        raise DomainError(
            "not_copied",
            gettext("nothing was copied to %(directory)s: %(error)s")
            % {"directory": directory, "error": error},
        ) from error


def restore(directory: Path, now: Instant, *, keys_from: Path | None = None) -> list[str]:
    """Put a copy in the place of the data. Nothing may be running. Return what was done.

    Files that were there are kept aside; a database and a graph must be empty. Raises DomainError, having changed nothing, when
    the copy is incomplete, damaged or of another kind of store, the key is not its own, or a process of this installation runs.
    """
    found = manifest.verified(directory, _stores())
    key_file = keys_from or settings.KEYS_FILE
    manifest.compare_keys(key_file, found)
    with running.alone(settings.DATA_DIR):
        put = files.restore if _stores() == "sqlite" else served.restore
        said = put(directory, found, key_file, now)
        looked = _look()
    restored = f"identity.installation:{installation.ROW}"
    audit.record(ACTOR, "installation.restore", restored, {"of": found.created_at}, now)
    return [*said, *looked]


def _stores() -> str:
    """Return which combination of stores the installation has."""
    if connection.vendor == "sqlite":
        return "sqlite"
    return "postgresql" if isinstance(graph.store(), SqlStore) else "neo4j"


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


def _look() -> list[str]:
    """Look whether what was restored belongs together. Raises DomainError when a store went away meanwhile."""
    try:
        reader = inbox.reader()
        installation.verify_inbox(reader.uuid())
        installation.verify_graph(graph.store().uuid())
        reader.check()
        made = Installation.objects.get(pk=installation.ROW)
    except (DatabaseError, InboxAway, StoreAway) as error:
        raise DomainError(
            "not_looked",
            gettext(
                "the data are in their places, but could not be looked at (%(error)s): see what manage.py doctor says of them"
            )
            % {"error": error},
        ) from error
    return [f"Restored the {made}.", "Start it: manage.py up"]
