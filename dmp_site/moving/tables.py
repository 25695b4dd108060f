"""Copying the tables of every model from an SQLite file into PostgreSQL, in blocks, each with its checkpoint.

Foreign keys lie in circles (a policy names its version in force, a version its policy), so no order of the tables satisfies them on
the way: they are taken off first and put on again in the end, which checks every row.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from django.apps import apps
from django.db import models
from django.utils.translation import gettext

from dmp_site.moving.checkpoints import TABLE, Checkpoints
from dmp_site.moving.comparing import Fields, add_up
from identity.errors import DomainError
from identity.postgres import Connection
from identity.postgres import Error as PostgresError
from identity.touchpoints.models import Installation

Progress = Callable[[str, int], None]
_Row: TypeAlias = tuple[Any, ...]
BLOCK = 5_000  # rows committed at once
_QUEUE = "django_q"  # jobs are rows of ours, and are queued again


def copied() -> list[type[models.Model]]:
    """Return the models whose tables are copied: all but the task queue's. The installation's row comes last, by itself."""
    found = apps.get_models(include_auto_created=True)
    return [
        model
        for model in found
        if model._meta.managed  # noqa: SLF001
        and not model._meta.proxy  # noqa: SLF001
        and model._meta.app_label != _QUEUE  # noqa: SLF001
        and model is not Installation
    ]


def require_empty(target: Connection) -> None:
    """Raise DomainError when the database holds any table."""
    found = target.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"
    ).fetchone()
    if found:
        raise DomainError(
            "not_empty",
            gettext("the database is not empty (it has a table %(table)s): name a new one")
            % {"table": found[0]},
        )


def clear(checkpoints: Checkpoints) -> None:
    """Empty the tables that the migrations made and filled, and take their foreign keys off, remembering them."""
    target = checkpoints.connection
    with checkpoints.once("clear") as to_do:
        if not to_do:
            return
        tables = [
            name for (name,) in target.execute(_TABLES, [[TABLE, "django_migrations"]]).fetchall()
        ]
        target.execute(f"TRUNCATE {', '.join(map(_quoted, tables))}")
        keys = [list(row) for row in target.execute(_FOREIGN_KEYS).fetchall()]
        for table, name, _definition in keys:
            target.execute(f"ALTER TABLE {table} DROP CONSTRAINT {_quoted(name)}")
        checkpoints.note("keys", keys)


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND NOT tablename = ANY(%s)"
_FOREIGN_KEYS = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace"
)


def close(checkpoints: Checkpoints) -> None:
    """Put the foreign keys on again."""
    with checkpoints.once("close") as to_do:
        if to_do:
            for table, name, definition in checkpoints.position("keys"):
                checkpoints.connection.execute(
                    f"ALTER TABLE {table} ADD CONSTRAINT {_quoted(name)} {definition}"
                )


def copy(
    model: type[models.Model],
    source: sqlite3.Connection,
    checkpoints: Checkpoints,
    progress: Progress,
) -> None:
    """Copy the rows of one table that are not copied yet. Raises DomainError for a row that PostgreSQL refuses."""
    table = model._meta.db_table  # noqa: SLF001
    if checkpoints.done(table):
        return
    fields = [field for field in model._meta.local_concrete_fields if field.column]  # noqa: SLF001
    after, count = checkpoints.position(table) or (0, 0)
    while rows := _block(source, table, fields, after):
        after, count = rows[-1][0], count + len(rows)
        try:
            with checkpoints.connection.transaction():
                _write(checkpoints.connection, table, fields, (row[1:] for row in rows))
                checkpoints.note(table, [after, count])
        except (PostgresError, UnicodeError, ValueError) as error:
            if checkpoints.connection.closed:  # it was lost, whatever row was on its way
                raise
            raise DomainError(
                "refused",
                gettext(
                    "PostgreSQL refuses a row of %(table)s, among the %(count)d up to row %(last)d: %(error)s"
                )
                % {"table": table, "count": len(rows), "last": after, "error": error},
            ) from error
        progress(table, count)
    _raise_sequence(source, checkpoints.connection, model)
    _compare(source, checkpoints.connection, table, fields, progress)
    checkpoints.note(table, [after, count], done=True)


def _block(source: sqlite3.Connection, table: str, fields: Fields, after: int) -> list[_Row]:
    """Return rows in the order of SQLite's own row ids, which come first: every table has them, whatever its key is."""
    columns = ", ".join(_quoted(field.column) for field in fields)
    return source.execute(
        f"SELECT rowid, {columns} FROM {_quoted(table)} WHERE rowid > ? ORDER BY rowid LIMIT ?",
        [after, BLOCK],
    ).fetchall()


def _write(
    target: Connection,
    table: str,
    fields: Fields,
    rows: Iterable[Sequence[Any]],
) -> None:
    columns = ", ".join(_quoted(field.column) for field in fields)
    turns = [_TURNS.get(field.get_internal_type(), _as_it_is) for field in fields]
    with (
        target.cursor() as cursor,
        cursor.copy(f"COPY {_quoted(table)} ({columns}) FROM STDIN") as copying,
    ):
        for row in rows:
            copying.write_row([turn(value) for turn, value in zip(turns, row, strict=True)])


def _as_it_is(value: Any) -> Any:
    return value


def _boolean(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _moment(value: Any) -> str | None:
    return None if value is None else f"{value}+00:00"


# SQLite has no booleans, and Django's times there are UTC without saying so. UUIDs and JSON are read by PostgreSQL as they are.
_TURNS: dict[str, Callable[[Any], Any]] = {
    "BooleanField": _boolean,
    "DateTimeField": _moment,
}


def _raise_sequence(
    source: sqlite3.Connection, target: Connection, model: type[models.Model]
) -> None:
    """Let new ids begin above every id that was ever given: SQLite remembers those of deleted rows too."""
    table, key = model._meta.db_table, model._meta.pk  # noqa: SLF001
    if not isinstance(key, models.AutoField | models.BigAutoField):
        return
    highest = max(
        source.execute(
            f"SELECT COALESCE(MAX({_quoted(key.column)}), 0) FROM {_quoted(table)}"
        ).fetchone()[0],
        (
            source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", [table]).fetchone()
            or [0]
        )[0],
    )
    if highest:
        target.execute(
            "SELECT setval(pg_get_serial_sequence(%s, %s), %s)",
            [_quoted(table), key.column, highest],
        )


def _compare(
    source: sqlite3.Connection,
    target: Connection,
    table: str,
    fields: Fields,
    progress: Progress,
) -> None:
    """Raise DomainError unless both hold the same rows: something wrote to one of them meanwhile."""
    what = f"{table}, compared"
    here = add_up(
        fields, (row[1:] for row in _counted(_rows(source, table, fields), what, progress))
    )
    there = add_up(fields, _copied_rows(target, table, fields))
    if here != there:
        raise DomainError(
            "changed",
            gettext(
                "%(table)s and its copy are not the same (%(here)d rows here, %(there)d there, or rows that differ): one of them"
                " changed meanwhile. See that nothing else works with either, empty the new database, and call this again"
            )
            % {"table": table, "here": here.count, "there": there.count},
        )


def _counted(rows: Iterable[_Row], what: str, progress: Progress) -> Iterator[_Row]:
    """Say now and then how many have gone by."""
    for count, row in enumerate(rows, 1):
        yield row
        if count % BLOCK == 0:
            progress(what, count)


def _rows(source: sqlite3.Connection, table: str, fields: Fields) -> Iterator[_Row]:
    after = 0
    while rows := _block(source, table, fields, after):
        yield from rows
        after = rows[-1][0]


def _copied_rows(target: Connection, table: str, fields: Fields) -> Iterator[_Row]:
    """Yield the rows of the copy, a block at a time; JSON as text, as SQLite has it."""
    columns = ", ".join(
        _quoted(field.column) + ("::text" if field.get_internal_type() == "JSONField" else "")
        for field in fields
    )
    with target.transaction(), target.cursor(name="compare") as cursor:
        cursor.itersize = BLOCK
        cursor.execute(f"SELECT {columns} FROM {_quoted(table)}")
        yield from cursor


def copy_installation(source: sqlite3.Connection, target: Connection) -> None:
    """Copy the row that makes the database an installation's; as the target's own, it is moving nowhere."""
    fields = [field for field in Installation._meta.local_concrete_fields if field.column]  # noqa: SLF001
    table = Installation._meta.db_table  # noqa: SLF001
    _write(target, table, fields, (row[1:] for row in _block(source, table, fields, 0)))
    target.execute(f"UPDATE {table} SET moving = ''")


def _quoted(name: str | None) -> str:
    return f'"{name}"'
