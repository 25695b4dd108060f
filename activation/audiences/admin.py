"""Pages of the console: audiences with rule, size and versions; who is in and why (read-only)."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from activation.audiences import reading, selectors, sentences, services
from activation.audiences.models import Audience, AudienceVersion, Kind, MembershipLog
from identity import clock
from identity.access import actor
from identity.admin_base import AuditedModelAdmin, ReadOnlyModelAdmin
from identity.errors import DomainError


class AudienceForm(ModelForm):  # type: ignore[type-arg]
    """Says where a rule cannot be read."""

    def clean(self) -> dict[str, Any] | None:
        found = super().clean() or self.cleaned_data
        kind = found.get("kind", self.instance.kind)
        if kind == Kind.RULE and "rule" in found:
            try:
                reading.parse(found["rule"])
            except reading.BadRule as error:
                self.add_error("rule", error.message)
        if kind == Kind.MANUAL and found.get("rule"):
            self.add_error("rule", str(_("An audience kept by hand has no rule.")))
        return found


class VersionInline(TabularInline):  # type: ignore[misc]
    """What was published."""

    model = AudienceVersion
    fk_name = "audience"
    fields = readonly_fields = ["number", "meaning", "published_at", "published_by"]
    extra = 0
    can_delete = False
    ordering = ["-number"]

    @admin.display(description=_("rule"))
    def meaning(self, row: AudienceVersion) -> str:
        return _said(row.rule)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Audience)
class AudienceAdmin(AuditedModelAdmin):
    """The working copy is edited; publishing and archiving are actions, which the lane carries out."""

    list_display = ["name", "kind", "state", "size", "built", "meaning"]
    list_filter = ["state", "kind"]
    list_select_related = ["build", "build__version", "version"]
    search_fields = ["name", "slug"]
    form = AudienceForm
    inlines = [VersionInline]
    actions = ["publish", "archive"]
    ordering = ["name"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        edited = ["name", "slug", "kind", "description", "rule"]
        return edited if obj is None else [*edited, "meaning", "state", "size", "built"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = ["meaning", "state", "size", "built"]
        return shown if obj is None else [*shown, "slug", "kind"]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {"slug": ["name"]} if obj is None else {}

    @admin.display(description=_("members"), ordering="build__size")
    def size(self, row: Audience) -> int:
        return row.build.size

    @admin.display(description=_("up to date"), boolean=True)
    def built(self, row: Audience) -> bool:
        return not selectors.is_building(row)

    @admin.display(description=_("meaning"))
    def meaning(self, row: Audience) -> str:
        return _said(row.rule)

    def save_model(self, request: HttpRequest, obj: Audience, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        who: dict[str, Any] = {"actor": actor(request), "now": clock.now()}
        texts: dict[str, Any] = {
            "name": obj.name,
            "description": obj.description,
            "rule": obj.rule,
        }
        if change:
            services.change(obj.pk, **texts, **who)
        else:
            obj.pk = services.create(slug=obj.slug, kind=obj.kind, **texts, **who).pk

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(permissions=["change"], description=_("Publish: put the rule in force"))
    def publish(self, request: HttpRequest, queryset: QuerySet[Audience]) -> None:
        self._each(request, queryset, services.publish)

    @admin.action(permissions=["change"], description=_("Archive: take everybody out"))
    def archive(self, request: HttpRequest, queryset: QuerySet[Audience]) -> None:
        self._each(request, queryset, services.archive)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Audience], service: Callable[..., Any]
    ) -> None:
        for audience in queryset:
            try:
                service(audience.pk, actor=actor(request), now=clock.now())
            except DomainError as error:
                messages.error(request, f"{audience}: {error.message}")
            else:
                messages.success(request, _("%(audience)s: done.") % {"audience": audience})


@admin.register(MembershipLog)
class MembershipLogAdmin(ReadOnlyModelAdmin):
    """Who entered and left, when and why."""

    list_display = ["at", "audience", "profile_id", "entered", "cause"]
    list_filter = ["audience", "entered", "cause"]
    list_select_related = ["audience"]
    fields = ["audience", "profile_id", "entered", "at", "cause"]
    ordering = ["-id"]


def _said(rule: Any) -> str:
    """Say what a stored rule means; a working copy may be unreadable."""
    if rule is None:
        return "-"
    try:
        return sentences.sentence(reading.parse(rule))
    except reading.BadRule as error:
        return error.message
