"""How the yardsticks keep rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from django.db import models

from identity.clock import Instant, from_datetime

Row = TypeVar("Row", bound=models.Model)


class Keeper(Protocol):
    """Reads and writes rows of any table."""

    def find(
        self, model: type[Row], field: str, values: Iterable[Any], /, **also: Any
    ) -> list[Row]:
        """Return the rows whose field has one of the values."""

    def put(self, rows: Sequence[Row], *update: str) -> None:
        """Insert rows that are new (they get their ids), and write the named fields of the others."""

    def drop(self, rows: Sequence[Row]) -> None:
        """Delete rows."""


def instant(moment: Any) -> Instant:
    """Return the milliseconds of what an InstantField holds: the ORM reads datetimes."""
    return from_datetime(moment) if isinstance(moment, datetime) else int(moment)


def maybe(moment: Any) -> Instant | None:
    return None if moment is None else instant(moment)


def table(model: type[Row]) -> "models.Manager[Row]":
    return model._default_manager  # noqa: SLF001 - public in Django


def is_new(row: models.Model) -> bool:
    return row._state.adding  # noqa: SLF001 - public in Django
