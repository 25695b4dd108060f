"""The backup of a served installation: a dump of the PostgreSQL database, and of the graph where that is in Neo4j.

One dump is one moment of everything in PostgreSQL, the inbox included. Neo4j Community has no backup while it runs, so the lane rests while
both are dumped: nobody else writes to the graph. The collector goes on; what comes in waits.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from django.db import DatabaseError, connection
from django.utils.translation import gettext

from dmp_site.backup import files, graphs
from dmp_site.backup.manifest import Manifest, sync
from dmp_site.processes.rest import lane_at_rest
from dmp_site.targets import require_empty
from identity import graph
from identity.clock import Instant
from identity.errors import DomainError
from identity.graph.contents import Contents, Mark
from identity.graph.port import StoreAway
from identity.graph.sql_store import SqlStore
from identity.profiles import showing
from identity.touchpoints import lane

DATABASE = "filrouge.pgdump"
GRAPH = "graph.jsonl.gz"
_DEBIAN = Path("/usr/lib/postgresql")
_QUEUE = "django_q_*"  # tasks know jobs of another time; jobs are rows, and are queued again
_LOOK = 0.1  # seconds


class Failed(Exception):
    """A program of PostgreSQL failed; the text says what it said."""


def copy(directory: Path) -> Sequence[str]:
    """Dump the stores into the directory; return the names of the dumps. Raises Failed, StoreAway, DomainError, OSError."""
    if isinstance(graph.store(), SqlStore):
        connection.ensure_connection()  # a database that is away is named in our words
        _dump(directory / DATABASE, lambda: None)
        return [DATABASE]
    with lane_at_rest() as renew:
        _dump(directory / DATABASE, renew)
        graphs.dump(graph.patient_store().contents(), directory / GRAPH, renew)
    return [DATABASE, GRAPH]


@contextlib.contextmanager
def _cut_short() -> Iterator[None]:
    """Say of a store that goes away on the way what is to be done about what is loaded. Raises DomainError."""
    try:
        yield
    except (DatabaseError, StoreAway) as error:
        raise DomainError(
            "cut_short",
            gettext(
                "the restore was cut short (%(error)s). When the stores are back, empty the database and the graph, and call it again"
            )
            % {"error": str(error).strip()},
        ) from error


def restore(directory: Path, manifest: Manifest, key_file: Path, now: Instant) -> list[str]:
    """Load the dumps into an empty database and an empty graph; return what was done. Raises DomainError, StoreAway before anything is."""
    _require_empty()
    contents = graph.patient_store().contents() if GRAPH in manifest.files else None
    if contents is not None:
        require_empty(contents, gettext("the graph in Neo4j"))
    with _cut_short():
        _fill(directory, contents, now)
    return [*files.set_aside([files.attempt()], now), *files.place_keys(key_file, now)]


def _fill(directory: Path, contents: Contents | None, now: Instant) -> None:
    uuid = graphs.load(contents, directory / GRAPH) if contents is not None else None
    try:
        _load(directory / DATABASE)
    except Failed as error:
        if contents is not None:
            contents.clear()
        raise DomainError(
            "not_restored", gettext("nothing was restored: %(error)s") % {"error": error}
        ) from error
    # A lane of another host may have slept since the copy was made: its epoch is one that the copy did not know yet, and would give again.
    epoch = lane.leave_behind()
    if contents is not None and uuid is not None:
        contents.adopt(Mark(uuid, epoch))
        showing.note_all(now)


def _require_empty() -> None:
    if tables := connection.introspection.table_names():
        raise DomainError(
            "not_empty",
            gettext("the database is not empty (it has a table %(table)s): name a new one")
            % {"table": tables[0]},
        )


def _dump(target: Path, renew: Callable[[], None]) -> None:
    _run(
        [
            *("pg_dump", "--format=custom", "--no-owner", "--no-privileges"),
            *(f"--exclude-table-data={_QUEUE}", f"--file={target}"),
        ],
        renew,
    )
    target.chmod(0o600)
    sync(target)


def _load(source: Path) -> None:
    """Load in one transaction: a restore that fails leaves the database as empty as it was."""
    name = connection.settings_dict["NAME"]
    _run(
        [
            *("pg_restore", "--exit-on-error", "--single-transaction"),
            *("--no-owner", "--no-privileges", f"--dbname={name}", str(source)),
        ],
        lambda: None,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _run(command: Sequence[str], meanwhile: Callable[[], None]) -> None:
    """Run a program of PostgreSQL against our database. The password goes by the environment, where no list of processes shows it."""
    process = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL
        [_program(command[0]), *command[1:]],
        env={**os.environ, **_address()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while True:
            try:
                _out, said = process.communicate(timeout=_LOOK)
                break
            except subprocess.TimeoutExpired:
                meanwhile()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        raise Failed(f"{command[0]}: {said.strip()[-1000:]}")


def _address() -> dict[str, str]:
    ours = connection.settings_dict
    found = {
        "PGHOST": ours["HOST"],
        "PGPORT": ours["PORT"],
        "PGUSER": ours["USER"],
        "PGPASSWORD": ours["PASSWORD"],
        "PGDATABASE": ours["NAME"],
    }
    return {name: str(value) for name, value in found.items() if value}


def _program(name: str) -> str:
    """Return where the program is: on PATH, else in Debian's directory of the newest server. Raises Failed."""
    if found := shutil.which(name):
        return found
    for directory in _newest_first(_DEBIAN.glob("*/bin")):
        if (directory / name).exists():
            return str(directory / name)
    raise Failed(
        f"{name} is neither on PATH nor in {_DEBIAN}: install PostgreSQL's client programs, of the server's version or newer"
    )


def _newest_first(directories: Iterable[Path]) -> list[Path]:
    return sorted(directories, key=lambda path: float(path.parent.name), reverse=True)
