"""What is held about a person, table by table: one list for each floor, from which it is both told (the bundle) and erased."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import msgspec
from django.db import connection
from django.db.models import BooleanField, JSONField, Model, TextField

from identity.fields import InstantField
from identity.sql import Rows, execute, fetch


class Whose(Enum):
    """What a column names of a person."""

    OWNER = "owner"  # the row id of an identifier
    PROFILE = "profile"  # the row id of a profile
    KEY = "key"  # an identifier's key ("namespace:value")


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, as rows name them. `profiles`: theirs, and those that their identifiers founded before a merge."""

    keys: Collection[str] = ()
    owners: Collection[int] = ()
    profiles: Collection[int] = ()

    def of(self, whose: Whose) -> Collection[Any]:
        return {
            Whose.OWNER: self.owners,
            Whose.PROFILE: self.profiles,
            Whose.KEY: self.keys,
        }[whose]


@dataclass(frozen=True, slots=True)
class Holding:
    """Rows of `model` that hang on a person by `column`, or on a row that does (`whose` is that one's holding).

    `blank`: columns to be emptied instead of deleting the row: it tells what others did. `prefix` and `longest`: how the column writes a
    key. `hidden`: columns that a bundle leaves out; not `told`: all of them.
    """

    model: type[Model]
    column: str
    whose: "Whose | Holding"
    blank: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    longest: int = 0
    hidden: tuple[str, ...] = ()
    told: bool = True

    @property
    def table(self) -> str:
        return self.model._meta.db_table  # noqa: SLF001

    @property
    def name(self) -> str:
        """The name in bundles and certificates: "identity.trait"."""
        return self.model._meta.label_lower  # noqa: SLF001

    def where(self, subject: Subject) -> tuple[str, list[Any]]:
        """Return the condition that finds a person's rows, and its parameters."""
        if isinstance(self.whose, Holding):
            inner, parameters = self.whose.where(subject)
            return (
                f"{self.column} IN (SELECT id FROM {self.whose.table} WHERE {inner})",
                parameters,
            )
        texts = bool(self.prefix) or self.whose is Whose.KEY
        rows = Rows("theirs", name="text" if texts else "bigint")
        values = [(self._written(each),) for each in sorted(subject.of(self.whose))]
        return f"{self.column} IN (SELECT name FROM {rows})", rows.of(values)

    def _written(self, value: Any) -> Any:
        if not self.prefix:
            return value
        return f"{self.prefix}{value}"[: self.longest]


def erase(holding: Holding, subject: Subject, limit: int) -> int:
    """Delete or empty up to `limit` rows of a person; return how many. In the caller's transaction."""
    where, parameters = holding.where(subject)
    row = "ctid" if connection.vendor == "postgresql" else "rowid"
    chosen = f"SELECT {row} FROM {holding.table} WHERE {where} LIMIT %s"
    # An array of places is looked up directly; a set of them would be joined with the whole table.
    these = f"{row} = ANY (ARRAY({chosen}))" if row == "ctid" else f"{row} IN ({chosen})"
    if not holding.blank:
        return execute(f"DELETE FROM {holding.table} WHERE {these}", [*parameters, limit])
    assigned = ", ".join(f"{name} = %s" for name in holding.blank)
    return execute(
        f"UPDATE {holding.table} SET {assigned} WHERE {these}",
        [*holding.blank.values(), *parameters, limit],
    )


def tell(holding: Holding, subject: Subject) -> list[dict[str, Any]]:
    """Return a person's rows as they are stored, by the names of their fields."""
    where, parameters = holding.where(subject)
    fields = [
        each
        for each in holding.model._meta.concrete_fields  # noqa: SLF001
        if each.column and each.name not in holding.hidden
    ]
    columns = ", ".join(f'"{each.column}"' for each in fields)
    rows = fetch(f"SELECT {columns} FROM {holding.table} WHERE {where} ORDER BY 1", parameters)
    return [dict(_shown(fields, row)) for row in rows]


def _shown(fields: Sequence[Any], row: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for each, value in zip(fields, row, strict=True):
        yield each.name, _readable(each, value)


def _readable(field_: Any, value: Any) -> Any:
    """Return what a column means: a time, a truth value, what a text of JSON holds."""
    if isinstance(field_, InstantField):
        return field_.from_db_value(value)
    if isinstance(field_, BooleanField):
        return None if value is None else bool(value)
    if isinstance(field_, TextField | JSONField) and isinstance(value, str):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(value)
    return value


def tell_all(holdings: Sequence[Holding], subject: Subject) -> dict[str, list[dict[str, Any]]]:
    """Return a person's rows of each table, by its name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for holding in holdings:
        if holding.told:
            mine = found.setdefault(holding.name, [])
            mine += [row for row in tell(holding, subject) if row not in mine]
    return found


def erase_all(holdings: Sequence[Holding], subject: Subject, limit: int) -> Counter[str]:
    """Delete or empty up to `limit` rows of a person, table by table; return how many of which."""
    found: Counter[str] = Counter()
    for holding in holdings:
        if left := limit - found.total():
            found[holding.name] += erase(holding, subject, left)
    return +found
