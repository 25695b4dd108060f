"""The product's empty tables, migrated once per run and copied: each installation of the tests begins with them.

They hold no installation yet: `setup` finds nothing to migrate, and makes all the rest as ever.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
SHARED = "TESTS_SHARED_DIR"  # a directory of the processes of this test run; benchmarks have none, and do without
FILES = ("filrouge.sqlite3", "queue.sqlite3")
_DATABASE = "migrated"


def copy_files(directory: Path) -> None:
    """Copy the migrated SQLite files into a directory, which is made."""
    model = Path(os.environ[SHARED]) / "tables"
    with _once("tables") as first:
        if first:
            _migrate({"FILROUGE_DATA_DIR": str(model)}, "default", "queue")
    directory.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(model / file, directory / file)


def database(cluster: str) -> str:
    """Return the name of the migrated database in the run's cluster, for CREATE DATABASE … TEMPLATE."""
    with _once("database") as first:
        if first:
            with psycopg.connect(cluster, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {_DATABASE}".encode())
            address = f"{cluster.rpartition('/')[0]}/{_DATABASE}"
            scratch = str(Path(os.environ[SHARED]) / "scratch")
            _migrate({"FILROUGE_DATABASE_URL": address, "FILROUGE_DATA_DIR": scratch}, "default")
    return _DATABASE


@contextlib.contextmanager
def _once(name: str) -> Iterator[bool]:
    """Yield whether this process is the first that comes here; the others wait for it."""
    made = Path(os.environ[SHARED]) / f"{name}.made"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not made.exists()
        made.touch()


def _migrate(settings: Mapping[str, str], *aliases: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name[:9] != "FILROUGE_"}
    for alias in aliases:
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), "migrate", "--database", alias],
            env={**inherited, "DJANGO_SETTINGS_MODULE": "dmp_site.settings", **settings},
            check=True,
            stdout=subprocess.DEVNULL,
        )
