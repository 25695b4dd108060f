"""A file of records, as a model compares them: one column of texts each, and what each record is called by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from identity.touchpoints.imports.files import Read
from identity.touchpoints.imports.mapping import BadRow
from identity.touchpoints.matching.columns import Kind, checked, told_by


class BadRecords(Exception):
    """Records that cannot be told apart, or a column that is not there; the message says why."""


@dataclass(frozen=True, slots=True)
class Records:
    """`keys`: by what each record is called. `values`: of each column that is compared. `bad`: rows without a key, or that are none."""

    keys: Sequence[str]
    values: Mapping[str, Sequence[str | None]]
    columns: Mapping[str, Kind]
    bad: int = 0


def read(rows: Iterable[Read], key: str, columns: Mapping[str, Kind] | None) -> Records:
    """Read all rows. Columns that nobody explained are known by their names. Raises BadRecords, BadColumns."""
    keys: list[str] = []
    values: dict[str, list[str | None]] = {}
    bad = 0
    for row in rows:
        if isinstance(row, BadRow):
            bad += 1
            continue
        if not values:
            columns = checked(columns) if columns else told_by(set(row) - {key})
            values = {name: [] for name in columns}
        named = _text(_cell(row, key))
        if named is None:
            bad += 1
            continue
        keys.append(named)
        for name, found in values.items():
            text = _text(_cell(row, name))
            found.append(text and " ".join(text.lower().split()))
    if columns is None or not keys:
        raise BadRecords("there is no record in it")
    return Records(keys, values, columns, bad)


def _cell(row: Mapping[str, Any], column: str) -> Any:
    if column not in row:
        raise BadRecords(f"there is no column {column!r}")
    return row[column]


def _text(value: Any) -> str | None:
    """Return what a cell says, None for nothing. A date of a typed file is written as ISO 8601."""
    if value is None:
        return None
    said = value.isoformat()[:10] if hasattr(value, "isoformat") else str(value)
    return said.strip() or None
