"""Pages of the console: journeys with their drafts and states, people in them (read-only)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from identity import clock
from identity.access import actor
from identity.admin_base import ReadOnlyModelAdmin, ServiceModelAdmin
from identity.errors import DomainError
from journeys.enrolments import selectors as enrolments
from journeys.enrolments.models import Enrolment, Slot, Step
from journeys.publishing import selectors, services
from journeys.publishing.models import Journey, JourneyVersion


def _lines(rows: Sequence[tuple[str, ...]], pattern: str) -> SafeString:
    return format_html("<ul>{}</ul>", format_html_join("", f"<li>{pattern}</li>", rows))


class JourneyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Knows which save it began from, so that nobody's work is overwritten unseen."""

    read = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["read"].initial = self.instance.revision

    def clean(self) -> dict[str, Any] | None:
        if self.instance.pk and self.cleaned_data.get("read") != self.instance.revision:
            raise forms.ValidationError(
                _("%(who)s saved this journey meanwhile; open it again before you save."),
                params={"who": self.instance.saved_by},
            )
        return super().clean()


class VersionInline(TabularInline):  # type: ignore[misc]
    """What was published."""

    model = JourneyVersion
    fields = readonly_fields = ["number", "published_at", "published_by"]
    extra = 0
    can_delete = False
    ordering = ["-number"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Journey)
class JourneyAdmin(ServiceModelAdmin):
    """The draft is edited as JSON; what is decided about people is a button each, said before it is done."""

    list_display = ["name", "state", "version", "saved_at"]
    list_filter = ["state"]
    search_fields = ["name"]
    fields = ["name", "state", "draft", "problems", "people", "saved_by", "saved_at", "read"]
    readonly_fields = ["state", "problems", "people", "saved_by", "saved_at"]
    inlines = [VersionInline]
    actions = ["publish", "pause", "resume", "drain", "eject"]
    form = JourneyForm

    @admin.display(description=_("before it can be published"))
    def problems(self, row: Journey) -> SafeString | str:
        if not row.pk:
            return "-"
        found = selectors.problems(row.draft)
        rows = [(one.node or "-", one.field, one.message) for one in found]
        return _lines(rows, "<b>{}</b> {}: {}") if rows else str(_("Nothing is missing."))

    @admin.display(description=_("people per node"))
    def people(self, row: Journey) -> SafeString | str:
        if not row.pk:
            return "-"
        rows = [
            (f"v{one['number']}", one["node"], str(one["people"]))
            for one in enrolments.people_per_node(row.pk)
        ]
        return _lines(rows, "{} {}: {}") if rows else str(_("Nobody is inside."))

    def save_model(self, request: HttpRequest, obj: Journey, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        who: dict[str, Any] = {"actor": actor(request), "now": clock.now()}
        if change:
            etag = services.etag_of(obj)
            saved = services.save_draft(obj.pk, obj.draft, name=obj.name, etag=etag, **who)
        else:
            saved = services.create(obj.name, obj.draft, **who)
        obj.pk = saved.pk

    def has_delete_permission(self, request: HttpRequest, obj: Journey | None = None) -> bool:
        unpublished = obj is None or obj.version_id is None
        return unpublished and bool(super().has_delete_permission(request, obj))

    def delete_model(self, request: HttpRequest, obj: Journey) -> None:
        services.discard(obj.pk, actor=actor(request), now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        for journey in queryset.values_list("pk", flat=True):
            services.discard(journey, actor=actor(request), now=clock.now())

    @admin.action(
        permissions=["change"], description=_("Publish; people inside stay in their version")
    )
    def publish(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        urgent = request.user.has_perm("activation.send_urgent")
        self._each(request, queryset, partial(services.publish, may_send_urgent=urgent))

    @admin.action(permissions=["change"], description=_("Pause: hold people where they are"))
    def pause(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        self._each(request, queryset, services.pause)

    @admin.action(permissions=["change"], description=_("Resume"))
    def resume(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        self._each(request, queryset, services.resume)

    @admin.action(
        permissions=["change"], description=_("Stop: let people inside go on to the end")
    )
    def drain(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        self._each(request, queryset, services.drain)

    @admin.action(permissions=["change"], description=_("Stop: let everybody out now"))
    def eject(self, request: HttpRequest, queryset: QuerySet[Journey]) -> None:
        self._each(request, queryset, services.eject)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Journey], service: Callable[..., Any]
    ) -> None:
        for journey in queryset:
            try:
                service(journey.pk, actor=actor(request), now=clock.now())
            except DomainError as error:
                messages.error(request, f"{journey}: {error.message}")
            else:
                messages.success(request, _("%(journey)s: done.") % {"journey": journey})


class StepInline(TabularInline):  # type: ignore[misc]
    """The timeline of one run, with the reason of every step."""

    model = Step
    fields = readonly_fields = ["at", "node", "visit", "port", "reason"]
    extra = 0
    can_delete = False
    ordering = ["id"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyModelAdmin):
    """People in journeys. The owner is shown as a row number: a value could be personal."""

    list_display = ["id", "journey", "version", "node", "state", "reason", "entered_at", "wake_at"]
    list_filter = ["state", "journey", "holdout"]
    list_select_related = ["journey", "version"]
    search_fields = ["=key"]
    fields = [
        "journey",
        "version",
        "owner_id",
        "key",
        "node",
        "state",
        "reason",
        "entered_at",
        "wake_at",
        "converted_at",
        "holdout",
    ]
    inlines = [StepInline]
    ordering = ["-id"]


@admin.register(Slot)
class SlotAdmin(ReadOnlyModelAdmin):
    """What journeys decided to show on the site. The owner is shown as a row number: a value could be personal."""

    list_display = ["slot", "owner_id", "journey", "priority", "decided_at", "until"]
    list_filter = ["slot", "journey"]
    list_select_related = ["journey"]
    fields = ["slot", "owner_id", "journey", "content", "priority", "decided_at", "until"]
    ordering = ["-id"]
