"""Rows in bulk: one query per table and batch, bulk_create with update_conflicts."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models

from benchmarks.orm.rows import Row, is_new, table


class Batched:
    """A Keeper. Django splits what has more than 999 parameters on SQLite."""

    def find(
        self, model: type[Row], field: str, values: Iterable[Any], /, **also: Any
    ) -> list[Row]:
        wanted = sorted(set(values))
        return list(table(model).filter(**{f"{field}__in": wanted}, **also)) if wanted else []

    def put(self, rows: Sequence[Row], *update: str) -> None:
        new = [row for row in rows if is_new(row)]
        known = [row for row in rows if not is_new(row)]
        if new:
            table(type(new[0])).bulk_create(new)
        if known:
            model = type(known[0])
            table(model).bulk_create(
                known, update_conflicts=True, unique_fields=_key(model), update_fields=update
            )

    def drop(self, rows: Sequence[Row]) -> None:
        if rows:
            table(type(rows[0])).filter(pk__in=[row.pk for row in rows]).delete()


def _key(model: type[models.Model]) -> list[str]:
    """Return the fields of the primary key."""
    return [field.name for field in model._meta.pk_fields]  # noqa: SLF001 - public in Django
