"""Model fields that every floor shares."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from identity.clock import from_datetime, to_datetime

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field


class _Moment(DeferredAttribute):
    """An attribute that reads as a datetime at once, whatever it was set to, not only after the row was read again."""

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = (
            to_datetime(value) if isinstance(value, int) else value
        )


class InstantField(_Field):
    """An aware datetime for Python, a bigint of milliseconds since 1970 UTC in the database.

    The data plane writes and compares the integers with plain SQL, the same in SQLite, PostgreSQL and Neo4j; the ORM, the
    admin and the REST API read datetimes. Assigning an integer is allowed and means milliseconds.
    """

    description = "Instant (milliseconds since 1970 UTC)"
    descriptor_class = _Moment

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def from_db_value(self, value: int | None, *_: object) -> datetime | None:
        return None if value is None else to_datetime(value)

    def to_python(self, value: object) -> datetime | None:
        if value is None or isinstance(value, datetime):
            return value
        if isinstance(value, int):
            return to_datetime(value)
        try:
            return datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValidationError(f"{value!r} is not an ISO 8601 time with an offset") from error

    def get_prep_value(self, value: Any) -> int | None:
        if value is None or isinstance(value, int):
            return value
        moment = self.to_python(value)
        return None if moment is None else from_datetime(moment)

    def value_to_string(self, obj: models.Model) -> str:
        moment = self.to_python(self.value_from_object(obj))
        return "" if moment is None else moment.isoformat()

    def formfield(self, **kwargs: Any) -> forms.Field | None:
        return super().formfield(**{"form_class": forms.DateTimeField, **kwargs})
