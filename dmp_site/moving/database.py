"""Moving an embedded installation into PostgreSQL: every table, what waits in the inbox, the sequences. The files stay as they are.

Each step is committed with its checkpoint, so a move that was cut short goes on where it was. From its beginning the installation
in the files refuses to work, and the one in PostgreSQL exists with the last step only: at no time can both be started.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext

from dmp_site import addresses
from dmp_site.moving import tables
from dmp_site.moving.checkpoints import Checkpoints, resumable
from dmp_site.processes import running
from identity import graph, postgres
from identity.clock import Instant
from identity.errors import DomainError
from identity.graph.contents import add_up
from identity.postgres import Connection
from identity.privacy.keys import require_keys
from identity.profiles.rebuild import stored
from identity.sql import fetch
from identity.touchpoints import inbox, installation
from identity.touchpoints.inbox import moving
from identity.touchpoints.types import Mode

VARIABLE = "FILROUGE_MOVE_DATABASE_URL"


@resumable()
def move(progress: tables.Progress, _now: Instant) -> list[str]:
    """Copy everything to the database of settings.MOVE_DATABASE_URL; return what a person should read.

    Raises DomainError when something runs, the target is not empty, or what was copied is not what is here.
    """
    target = addresses.postgresql(_url(), VARIABLE)
    name = f"PostgreSQL, database {target['NAME']} at {target['HOST'] or 'this host'}"
    with running.alone(settings.DATA_DIR), contextlib.closing(_connect(target)) as opened:
        checkpoints = Checkpoints(opened)
        _begin(checkpoints, name)
        with _file() as source:
            _copy(checkpoints, source, progress)
        _verify()
        with _file() as source, opened.transaction():
            tables.copy_installation(source, opened)
            checkpoints.end()
    return [
        f"Everything is in {name} now. Set, to what {VARIABLE} says:",
        "  FILROUGE_DATABASE_URL",
        "Then start it: manage.py up. The files of before and the key file are where they were; only the key file is needed.",
    ]


@resumable()
def give_up() -> list[str]:
    """Let the installation go on with its files, whatever became of the copy."""
    with running.alone(settings.DATA_DIR):
        if connection.vendor != "sqlite":
            raise DomainError(
                "not_files", gettext("this installation keeps its data in PostgreSQL already")
            )
        installation.move("")
    return ["The installation stays in its files. The database that was begun is for you to drop."]


def _url() -> str:
    if connection.vendor != "sqlite":
        raise DomainError(
            "not_files", gettext("this installation keeps its data in PostgreSQL already")
        )
    if not settings.MOVE_DATABASE_URL:
        raise DomainError(
            "no_target", gettext("say where to: set %(variable)s") % {"variable": VARIABLE}
        )
    url: str = settings.MOVE_DATABASE_URL
    return url


def _connect(target: Mapping[str, Any]) -> Connection:
    try:
        return postgres.connect_to(target, "filrouge move")
    except postgres.Error as error:
        raise DomainError(
            "away", gettext("PostgreSQL does not answer: %(error)s") % {"error": error}
        ) from error


@contextlib.contextmanager
def _file() -> Iterator[sqlite3.Connection]:
    path = settings.DATABASES["default"]["NAME"]
    with contextlib.closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
    ) as source:
        yield source


def _begin(checkpoints: Checkpoints, name: str) -> None:
    """Mark both sides: nothing works with the files any more, and the target is taken."""
    moving_to = installation.moving()
    if not moving_to:
        installation.verify_keys(require_keys(settings.KEYS_FILE))
    elif moving_to != name:
        raise DomainError(
            "another_move",
            gettext(
                "this installation moves to %(target)s, or has moved there: give that up first"
            )
            % {"target": moving_to},
        )
    if not checkpoints.begun():
        if moving_to:
            _refuse_again(checkpoints.connection, moving_to)
        tables.require_empty(checkpoints.connection)
    checkpoints.begin(f"inbox {inbox.reader().uuid()}")
    installation.move(name)


def _refuse_again(target: Connection, name: str) -> None:
    """Tell that a move is done; one whose target was emptied since begins again."""
    if target.execute("SELECT to_regclass('identity_installation') IS NOT NULL").fetchone()[0]:
        raise DomainError(
            "moved",
            gettext("this installation has moved to %(target)s: set FILROUGE_DATABASE_URL")
            % {"target": name},
        )


def _copy(checkpoints: Checkpoints, source: sqlite3.Connection, progress: tables.Progress) -> None:
    if not checkpoints.done("clear"):
        _manage("migrate", "--verbosity", "0")
        tables.clear(checkpoints)
    for model in tables.copied():
        tables.copy(model, source, checkpoints, progress)
    with checkpoints.once("inbox") as to_do:
        if to_do:
            progress("inbox", _copy_inbox(checkpoints.connection))
    tables.close(checkpoints)


def _copy_inbox(target: Connection) -> int:
    ((live, history, highest),) = fetch(
        "SELECT COALESCE(MAX(live_position), 0), COALESCE(MAX(history_position), 0), (SELECT COALESCE(MAX(number), 0) FROM"
        " (SELECT MAX(number) AS number FROM identity_graphtouchpoint UNION ALL SELECT MAX(number) FROM identity_setaside) n)"
        " FROM identity_lane"
    )
    path = Path(settings.INBOX["OPTIONS"]["path"])
    return moving.copy(path, target, {Mode.LIVE: live, Mode.HISTORY: history}, highest=highest)


def _verify() -> None:
    """Compare the digest that rebuild_graph prints, here and there. Raises DomainError when it differs."""
    here = add_up(graph.store().contents()).digest.with_all_of(stored())
    said = _manage("rebuild_graph", "--digest")
    if str(here) not in said:
        raise DomainError(
            "differs",
            gettext(
                "what was copied is not what is here (%(here)s, %(there)s): begin again with an empty database"
            )
            % {"here": here, "there": said.strip()},
        )


def _manage(*arguments: str) -> str:
    """Run a command of the product on the target; the address goes by the environment, where no list of processes shows it."""
    environment = {
        name: value for name, value in os.environ.items() if name != "FILROUGE_DATABASE_URL_FILE"
    }
    result = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        env={**environment, "FILROUGE_DATABASE_URL": settings.MOVE_DATABASE_URL},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise DomainError(
            "not_moved",
            gettext("manage.py %(command)s fails on the new database: %(said)s")
            % {"command": arguments[0], "said": (result.stderr or result.stdout).strip()[-1000:]},
        )
    return result.stdout
