"""Keyset pages: the next page begins after the last row of this one, so that deep pages cost as much as the first.

    return Response(pages.page(Order.objects.all(), request.query_params, order=["-at", "-id"]).render(as_json))
    return Response(pages.cut(rows, key=lambda row: (row.at, row.id), limit=limit).render(as_json))

A cursor is the sort key of the last row as URL-safe base64 of JSON. It is neither signed nor secret: it moves the window over rows
that its caller may read anyway.
"""

import base64
import binascii
import functools
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from identity.errors import DomainError

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_LIMITS = {str(limit) for limit in range(1, MAX_LIMIT + 1)}
_LARGEST = 2**63 - 1

Key = tuple[int | str, ...]
Row = TypeVar("Row")
Shape = TypeVar("Shape")
SomeModel = TypeVar("SomeModel", bound=Model)

PARAMETERS = [
    OpenApiParameter(
        "limit", int, description=f"Rows per page, 1 to {MAX_LIMIT}; {DEFAULT_LIMIT} by default."
    ),
    OpenApiParameter("cursor", str, description="The `next` of the page before."),
]


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """Rows of one page; `next` is the cursor of the page after it, None on the last."""

    results: Sequence[Row]
    next: str | None

    def render(self, shape: Callable[[Row], Any]) -> dict[str, Any]:
        """Return the page as the API answers it; `shape` turns a row into JSON."""
        return {"results": [shape(row) for row in self.results], "next": self.next}


def limit_of(query: Mapping[str, str]) -> int:
    """Read `limit`. Raises DomainError (400) when it is no whole number from 1 to 200."""
    text = query.get("limit", "")
    if not text:
        return DEFAULT_LIMIT
    if text not in _LIMITS:
        raise DomainError(
            "bad_limit",
            gettext("limit must be a whole number from 1 to %(max_limit)s")
            % {"max_limit": MAX_LIMIT},
            status=400,
        )
    return int(text)


def after(query: Mapping[str, str], *kinds: type[int] | type[str]) -> Key | None:
    """Read `cursor`: the sort key of the last row seen, of these types; None for the first page. Raises DomainError (400)."""
    text = query.get("cursor", "")
    if not text:
        return None
    key = _decode(text)
    if len(key) != len(kinds) or not all(map(_fits, key, kinds)):
        raise _bad_cursor()
    return key


def encode(key: Sequence[int | str]) -> str:
    """Turn a sort key into a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(key))).decode().rstrip("=")


def cut(
    rows: Sequence[Row], *, limit: int, key: Callable[[Row], Sequence[int | str]]
) -> KeysetPage[Row]:
    """Make a page of up to `limit` + 1 rows that the caller has read in order; the extra one tells that there are more."""
    if len(rows) <= limit:
        return KeysetPage(rows, None)
    return KeysetPage(rows[:limit], encode(key(rows[limit - 1])))


def page(
    queryset: QuerySet[SomeModel], query: Mapping[str, str], *, order: Sequence[str]
) -> KeysetPage[SomeModel]:
    """Read one page of a QuerySet in an order of its own columns, the last of them unique (`["-created_at", "-id"]`)."""
    limit = limit_of(query)
    names = [name.removeprefix("-") for name in order]
    key = after(query, *(_kind(queryset.model, name) for name in names))
    if key is not None:
        queryset = queryset.filter(_beyond(order, key))
    rows = list(queryset.order_by(*order)[: limit + 1])
    return cut(rows, limit=limit, key=lambda row: [_value(row, name) for name in names])


def of(
    rows: Iterable[Row], query: Mapping[str, str], *, key: Callable[[Row], Key]
) -> KeysetPage[Row]:
    """Cut a page out of rows that are in memory, in the order of `key`, which tells them apart."""
    limit = limit_of(query)
    ordered = sorted(rows, key=key)
    kinds = [type(part) for part in key(ordered[0])] if ordered else []
    beyond = after(query, *kinds) if ordered else None
    if beyond is not None:
        ordered = [row for row in ordered if key(row) > beyond]
    return cut(ordered[: limit + 1], limit=limit, key=key)


def schema(name: str, row: Any) -> Any:
    """Describe a page of such rows for the OpenAPI document; `row` is a serializer with many=True."""
    return inline_serializer(
        name, {"results": row, "next": serializers.CharField(allow_null=True)}
    )


def _decode(text: str) -> Key:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[int | str, ...])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise _bad_cursor() from None


def _fits(value: int | str, kind: type[int] | type[str]) -> bool:
    if isinstance(value, str):
        return kind is str and "\x00" not in value
    return kind is int and -_LARGEST <= value <= _LARGEST


def _bad_cursor() -> DomainError:
    return DomainError(
        "bad_cursor",
        gettext("cursor is not one that this list gave; begin without it"),
        status=400,
    )


def _kind(model: type[Model], name: str) -> type[int] | type[str]:
    inner = _field(model, name).get_internal_type()
    return int if "Integer" in inner or inner.endswith("AutoField") else str


def _value(row: Model, name: str) -> int | str:
    value = _field(type(row), name).get_prep_value(getattr(row, name))
    return value if isinstance(value, int) else str(value)


def _field(model: type[Model], name: str) -> Any:
    return model._meta.pk if name == "pk" else model._meta.get_field(name)  # noqa: SLF001


def _beyond(order: Sequence[str], key: Key) -> Q:
    """Return the condition "sorts after `key`": the first column beyond, or equal and the second beyond, and so on."""
    parts: list[Q] = []
    same = Q()
    for name, value in zip(order, key, strict=True):
        column = name.removeprefix("-")
        parts.append(same & Q(**{f"{column}__{'lt' if name.startswith('-') else 'gt'}": value}))
        same &= Q(**{column: value})
    return functools.reduce(operator.or_, parts)
