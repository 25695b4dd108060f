"""Whether a table in SQLite and its copy in PostgreSQL say the same: a digest of each, row by row, in whatever order they come."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID

from django.db import models

from identity.graph.contents import Digest

Fields: TypeAlias = "Sequence[models.Field[Any, Any]]"


def add_up(fields: Fields, rows: Iterable[Sequence[Any]]) -> Digest:
    """Return the digest of rows as either driver reads them; JSON comes as text. One row is held at a time."""
    same = [_SAME.get(field.get_internal_type()) for field in fields]
    digest = Digest()
    for row in rows:
        digest.add(
            *(
                value if turn is None or value is None else turn(value)
                for turn, value in zip(same, row, strict=True)
            )
        )
    return digest


def _moment(value: str | datetime) -> str:
    """Return the moment in UTC: in SQLite it is, without saying so."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value).replace(tzinfo=UTC)
    return value.astimezone(UTC).isoformat()


def _document(text: str) -> str:
    """Return JSON written in one way: PostgreSQL sorts its fields, and writes 1e2 as 100."""
    return json.dumps(json.loads(text, parse_float=_number), sort_keys=True)


def _number(text: str) -> float:
    found = float(text)
    return int(found) if found.is_integer() else found


_SAME: dict[str, Callable[[Any], Any]] = {
    "BooleanField": bool,
    "DateTimeField": _moment,
    "JSONField": _document,
    "TimeField": str,
    "UUIDField": lambda value: UUID(str(value)).hex,
}
