"""Pages of the console: audiences with rule, size and versions; who is in and why (read-only)."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from activation.audiences import reading, selectors, sentences, services
from activation.audiences.models import Audience, AudienceVersion, Kind, MembershipLog
from identity import clock
from identity.access import actor
from identity.admin_base import ReadOnlyModelAdmin, ServiceModelAdmin
from identity.errors import DomainError
from identity.profiles.finding import FindForm

_SHOWN = ["meaning", "state", "size", "built", "people"]
_PEOPLE = 10  # members that an audience's page names


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
        if kind == Kind.MANUAL and found.get("rule") is not None:
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
class AudienceAdmin(ServiceModelAdmin):
    """The working copy is edited; publishing and archiving are actions, which the lane carries out."""

    list_display = ["name", "kind", "state", "size", "built", "meaning"]
    list_filter = ["state", "kind"]
    list_select_related = ["build", "build__version", "version"]
    search_fields = ["name", "slug"]
    form = AudienceForm
    inlines = [VersionInline]
    actions = ["publish", "archive"]
    ordering = ["name"]
    change_form_outer_after_template = "activation/members.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        edited = ["name", "slug", "kind", "description", "rule"]
        if obj is None:
            return edited
        ruled = obj.kind == Kind.RULE
        return [one for one in [*edited, *_SHOWN] if ruled or one not in {"rule", "meaning"}]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = _SHOWN
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

    @admin.display(description=_("people"))
    def people(self, row: Audience) -> SafeString | str:
        """Name the first members, with links to their pages."""
        rows = [
            (reverse("admin:identity_profile_change", args=[one.profile]), one.uid)
            for one in selectors.members(row.pk, limit=_PEOPLE)
        ]
        line = '<li><a class="text-primary-600" href="{}">{}</a></li>'
        return format_html("<ul>{}</ul>", format_html_join("", line, rows)) if rows else "-"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.members)
        own = path("<int:audience>/members/", view, name="activation_audience_members")
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Add the form that puts people into an audience kept by hand."""
        given = {"find_form": FindForm(), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, given)

    def members(self, request: HttpRequest, audience: int) -> HttpResponse:
        """Ask the lane to put the person who was named in, or to take them out."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        form = FindForm(request.POST)
        if request.method == "POST" and form.is_valid():
            self._ask(request, audience, form)
        return HttpResponseRedirect(reverse("admin:activation_audience_change", args=[audience]))

    def _ask(self, request: HttpRequest, audience: int, form: FindForm) -> None:
        remove = "remove" in request.POST
        service = services.remove_members if remove else services.add_members
        try:
            owners = selectors.owners([form.profile().pk])
            service(audience, owners, actor=actor(request), now=clock.now())
        except DomainError as error:
            messages.error(request, error.message)
        else:
            messages.success(request, _("Asked of the lane; the page shows it in a moment."))

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
