"""Rows one by one: what get_or_create and save make of each touchpoint, with no statement more than they need."""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.orm.rows import Row, is_new, table


class Naive:
    """A Keeper."""

    def find(
        self, model: type[Row], field: str, values: Iterable[Any], /, **also: Any
    ) -> list[Row]:
        rows = table(model)
        return [
            row for value in sorted(set(values)) for row in rows.filter(**{field: value}, **also)
        ]

    def put(self, rows: Sequence[Row], *update: str) -> None:
        for row in rows:
            if is_new(row):
                row.save(force_insert=True)
            else:
                row.save(update_fields=update)

    def drop(self, rows: Sequence[Row]) -> None:
        for row in rows:
            row.delete()
