"""Set-based SQL for the data plane, the same text on SQLite and PostgreSQL.

A batch travels to the database as *one* parameter (SQLite: a JSON array for `json_each`, since Django splits at 999
parameters) or one array per column, as text (PostgreSQL: `unnest`), so the number of statements does not depend on the batch's size.

    people = Rows("people", id="bigint", name="text")
    execute(f"INSERT INTO person (id, name) SELECT id, name FROM {people}", people.of(rows))
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from django.db import connections
from django.db.models.expressions import RawSQL

_encode = msgspec.json.Encoder().encode
_TYPES = {"bigint", "text", "double precision", "boolean", "json"}


class Rows:
    """A named table expression whose rows are given as parameters.

    Columns are given as `name="type"`; types: bigint, text, double precision, boolean, json (canonical JSON text). Interpolate
    the object after FROM or JOIN; it carries its own alias.
    """

    def __init__(self, alias: str, /, *, using: str = "default", **columns: str) -> None:
        unknown = set(columns.values()) - _TYPES
        if unknown:
            raise ValueError(f"unknown column types: {', '.join(sorted(unknown))}")
        self._alias = alias
        self._columns = columns
        self._postgres = connections[using].vendor == "postgresql"

    def __str__(self) -> str:
        names = ", ".join(self._columns)
        if self._postgres:
            arrays = ", ".join(f"%s::{self._array(kind)}[]" for kind in self._columns.values())
            return f"unnest({arrays}) AS {self._alias}({names})"
        fields = ", ".join(
            f"value ->> {position} AS {name}" for position, name in enumerate(self._columns)
        )
        return f"(SELECT {fields} FROM json_each(%s)) AS {self._alias}"

    @staticmethod
    def _array(kind: str) -> str:
        return "jsonb" if kind == "json" else kind

    def of(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        """Return the parameters that stand for these rows, in the order of the columns."""
        if not self._postgres:
            return [_encode(list(rows)).decode()]
        columns = list(zip(*rows, strict=True)) or [()] * len(self._columns)
        kinds = self._columns.values()
        return [_LITERALS[kind](column) for kind, column in zip(kinds, columns, strict=True)]


# psycopg writes arrays element by element in Python, which was two fifths of the lane's time: the text of the whole array is made
# here and quoted once, in C.


def _plain(column: Iterable[Any]) -> str:
    """Return the array of numbers or truth values as PostgreSQL writes it."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in column])}}}"


def _quoted(column: Iterable[Any]) -> str:
    """Return the array of texts as PostgreSQL writes it."""
    return f"{{{','.join(['NULL' if value is None else _text(value) for value in column])}}}"


def _text(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


_LITERALS = {
    "bigint": _plain,
    "boolean": _plain,
    "double precision": _plain,
    "text": _quoted,
    "json": _quoted,
}


def any_of(kind: str, values: Iterable[Any]) -> RawSQL:
    """Return what the ORM's `__in` takes for however many values of a type: Django would make a parameter of each, and SQLite has a limit."""
    rows = Rows("given", one=kind)
    return RawSQL(f"SELECT one FROM {rows}", rows.of((each,) for each in values))  # noqa: S611 - values are parameters


def execute(sql: str, parameters: Sequence[Any] = (), *, using: str = "default") -> int:
    """Run one statement; return the number of rows it changed."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def execute_many(sql: str, rows: Sequence[Sequence[Any]], *, using: str = "default") -> None:
    """Run one statement with the values of each row, in one go: for values that `Rows` cannot carry."""
    with connections[using].cursor() as cursor:
        cursor.executemany(sql, rows)


def fetch(
    sql: str, parameters: Sequence[Any] = (), *, using: str = "default"
) -> list[tuple[Any, ...]]:
    """Run one statement; return all of its rows."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
