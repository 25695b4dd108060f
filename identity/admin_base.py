"""What every admin page shares: changes are audited, what machines write is read-only, large tables stay quick."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.core.paginator import Paginator
from django.db.models import JSONField, Model, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from identity import clock
from identity.access import actor
from identity.errors import DomainError
from identity.fields import InstantField
from identity.privacy import audit

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as DjangoModelAdmin

    _Base = DjangoModelAdmin[Any]
    _Paginator = Paginator[Any]
else:
    _Base = object
    _Paginator = Paginator

_REFUSED = "refused_by_service"
_LONGEST_ID = 19  # digits of the largest bigint
COUNTED = 10_000  # rows that a list counts exactly; beyond it says "10000" and pages no further


def row_id(said: str) -> int | None:
    """Read a row's id from an address; None for what is none: other scripts have digits too, and no database holds a thousand of them."""
    digits = said.isascii() and said.isdigit() and len(said) <= _LONGEST_ID
    return int(said) if digits else None


class BoundedPaginator(_Paginator):
    """Counts up to 10,000 rows: a list of ten million opens as fast as one of ten. Search and filters reach the rest."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED].count()) if isinstance(rows, QuerySet) else len(rows)


class Audited(_Base):
    """Writes an audit entry for every change made on an admin page: the names of changed fields, never their values.

    Mix it into an admin class that cannot derive from AuditedModelAdmin.
    """

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self.audit(request, "add", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        self.audit(request, "change", obj, {"fields": _changed(message)})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            self.audit(request, "delete", row)
        return super().log_deletions(request, queryset)

    def audit(
        self,
        request: HttpRequest,
        verb: str,
        row: Model,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Record that the signed-in user did `verb` to `row`; admin actions call it too."""
        meta = row._meta  # noqa: SLF001
        audit.record(
            actor(request),
            f"{meta.model_name}.{verb}",
            f"{meta.label_lower}:{row.pk}",
            detail or {},
            clock.now(),
        )


class StrictJSONField(forms.JSONField):
    """Refuses at the field what no database keeps: numbers that are none, NUL, broken characters, endless nesting."""

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
            stored = json.dumps(found, allow_nan=False, ensure_ascii=False)
            stored.encode()
        except (RecursionError, ValueError):
            raise forms.ValidationError(_("This is no JSON that can be stored.")) from None
        if "\\u0000" in stored:
            raise forms.ValidationError(_("The character NUL cannot be stored."))
        return found

    def prepare_value(self, value: Any) -> Any:
        """Show it laid out, a member a line."""
        if isinstance(value, InvalidJSONInput):
            return value
        return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Show what was typed, as it was typed, when it is no JSON."""
        try:
            self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput("" if data is None else str(data))
        return super().bound_data(data, initial)


class AuditedModelAdmin(Audited, ModelAdmin):  # type: ignore[misc]
    """The base of every admin page that people change."""

    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    warn_unsaved_form = True
    formfield_overrides = {
        InstantField: {"form_class": forms.DateTimeField, "widget": UnfoldAdminTextInputWidget},
        JSONField: {"form_class": StrictJSONField, "widget": UnfoldAdminTextareaWidget},
    }


class ServiceModelAdmin(AuditedModelAdmin):
    """The base of pages whose writes call services, which also audit them: what a service refuses is said, nothing is saved."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form again, with what was typed and why the service refused it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            setattr(request, _REFUSED, error.message)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            return _back(request, error)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        try:
            return super().changelist_view(request, extra_context)
        except DomainError as error:
            return _back(request, error)

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **named: Any,
    ) -> Any:
        form = super().get_form(request, obj, change, **named)
        refused = getattr(request, _REFUSED, "")
        return type(form.__name__, (_Refused, form), {"refused": refused}) if refused else form

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Leave the audit entry to the service, which wrote it."""
        return super(Audited, self).log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Leave the audit entry to the service, which wrote it."""
        return super(Audited, self).log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Leave the audit entries to the service, which wrote them."""
        return super(Audited, self).log_deletions(request, queryset)


class _Refused:
    """Mixed into a form that a service refused: as typed, with the reason."""

    refused: str

    def full_clean(self) -> None:
        form: Any = self
        super().full_clean()  # type: ignore[misc]
        form.add_error(None, self.refused)


def _back(request: HttpRequest, error: DomainError) -> HttpResponseRedirect:
    messages.error(request, error.message)
    return HttpResponseRedirect(request.get_full_path())


class ReadOnlyModelAdmin(AuditedModelAdmin):
    """The base of pages that show what machines write. Actions may still call services."""

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _changed(message: Any) -> list[str]:
    """Take the names of the changed fields out of Django's change message."""
    if not isinstance(message, Sequence) or isinstance(message, str):
        return []
    names: list[str] = []
    for part in message:
        for verb in part.values():
            names += [str(name) for name in verb.get("fields", [])]
    return names
