"""What of a move is done, in a table of the PostgreSQL database that takes part in it: committed with the work it speaks of."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection
from django.utils.translation import gettext

from identity.errors import DomainError
from identity.outage import is_away
from identity.postgres import Connection
from identity.postgres import Error as PostgresError

TABLE = "filrouge_move"  # while it is there, the database is not an installation's


def unfinished() -> bool:
    """Tell whether a move that the Django database takes part in has begun and is not finished."""
    return TABLE in connection.introspection.table_names()


@contextmanager
def resumable() -> Iterator[None]:
    """Say of a database that goes away on the way that nothing is lost by it. Raises DomainError; a fault of ours as it is."""
    try:
        yield
    except (PostgresError, DatabaseError, sqlite3.OperationalError) as error:
        if not isinstance(error, sqlite3.Error) and not is_away(error):
            raise
        raise DomainError(
            "away",
            gettext(
                "PostgreSQL, or the file that is moved, failed or went away (%(error)s). When manage.py doctor says that it is"
                " back, call it again: it goes on where it was"
            )
            % {"error": str(error).strip()},
        ) from error


class Checkpoints:
    """One row per step: where it stands, and whether it is done."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def begun(self) -> bool:
        found: bool = self.connection.execute(
            "SELECT to_regclass(%s) IS NOT NULL", [TABLE]
        ).fetchone()[0]
        return found

    def begin(self, what: str) -> None:
        """Note which move this is; when one was begun before, it must be the same. Raises DomainError."""
        with self.connection.transaction():
            self.connection.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE} (step text PRIMARY KEY, position text NOT NULL, done boolean NOT NULL)"
            )
            self.connection.execute(
                f"INSERT INTO {TABLE} VALUES ('move', %s, false) ON CONFLICT DO NOTHING",
                [json.dumps(what)],
            )
        if (before := self.position("move")) != what:
            raise DomainError(
                "another_move",
                gettext(
                    "another move was begun here, of %(before)s: finish that one, or give it up"
                )
                % {"before": before},
            )

    def position(self, step: str) -> Any:
        """Return where the step stands, None when it was never begun."""
        row = self.connection.execute(
            f"SELECT position FROM {TABLE} WHERE step = %s", [step]
        ).fetchone()
        return json.loads(row[0]) if row else None

    def done(self, step: str) -> bool:
        row = self.connection.execute(
            f"SELECT done FROM {TABLE} WHERE step = %s", [step]
        ).fetchone()
        return bool(row and row[0])

    def note(self, step: str, position: Any, *, done: bool = False) -> None:
        self.connection.execute(
            f"INSERT INTO {TABLE} VALUES (%s, %s, %s)"
            " ON CONFLICT (step) DO UPDATE SET position = excluded.position, done = excluded.done",
            [step, json.dumps(position), done],
        )

    @contextmanager
    def once(self, step: str) -> Iterator[bool]:
        """Open a transaction that marks the step as done; yield whether it is still to be done."""
        if self.done(step):
            yield False
            return
        with self.connection.transaction():
            yield True
            self.note(step, None, done=True)

    def end(self) -> None:
        self.connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
