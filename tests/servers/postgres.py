"""A throw-away PostgreSQL cluster from Debian's package.

It does not wait for the disk (fsync=off): a killed server loses nothing by that, only a machine without power would.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.servers.program import Missing, Program

_DEBIAN = Path("/usr/lib/postgresql")
USER = "filrouge"


class Postgres(Program):
    name = "PostgreSQL"

    def __init__(self, *, durable: bool = False, home: Path | None = None) -> None:
        """`home`: an empty directory to live in, instead of one of its own."""
        self._programs = programs()
        super().__init__(Path(tempfile.mkdtemp(prefix="postgresql-", dir=home)))
        if (user := self.user()) is not None:
            shutil.chown(self.home, user)
        subprocess.run(
            [
                *(str(self._programs / "initdb"), "-D", str(self.home / "data"), "-U", USER),
                *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=user,
            cwd=self.home,
        )
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
            "shared_buffers": "256MB",
            "log_min_messages": "fatal",
            "log_min_error_statement": "panic",
        }

    def user(self) -> str | None:
        """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
        return "postgres" if os.geteuid() == 0 else None

    def command(self) -> Sequence[str]:
        settings = [part for each in self._settings.items() for part in ("-c", "=".join(each))]
        return [str(self._programs / "postgres"), "-D", str(self.home / "data"), *settings]

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def run(self, sql: str, database: str = "postgres") -> None:
        """Run one statement outside a transaction."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.encode())


def programs() -> Path:
    """Return the directory of the newest server's programs. Raises Missing."""
    found = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise Missing("PostgreSQL (Debian: apt install postgresql)")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError as error:
            raise Missing("the system user postgres") from error
    return found[-1].parent
