"""What every admin page shares: changes are audited, what machines write is read-only, large tables stay quick."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

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

COUNTED = 10_000  # rows that a list counts exactly; beyond it says "10000" and pages no further


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


class AuditedModelAdmin(Audited, ModelAdmin):  # type: ignore[misc]
    """The base of every admin page that people change."""

    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    warn_unsaved_form = True
    formfield_overrides = {
        InstantField: {"form_class": forms.DateTimeField, "widget": UnfoldAdminTextInputWidget}
    }


class ServiceModelAdmin(AuditedModelAdmin):
    """The base of pages whose `save_model` calls a service: what the service refuses is said on the form, nothing is saved."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.get_full_path())

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Leave the audit entry to the service, which wrote it."""
        return super(Audited, self).log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> LogEntry:
        """Leave the audit entry to the service, which wrote it."""
        return super(Audited, self).log_change(request, obj, message)


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
