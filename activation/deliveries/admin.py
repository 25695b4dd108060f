"""Pages of the console: templates with a preview, deliveries with their story, lists that partners pull."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from activation.channels import registry
from activation.deliveries import rendering, selectors, services
from activation.deliveries.models import Delivery, PartnerList, Template
from activation.deliveries.rendering import Parts
from identity import clock
from identity.access import actor
from identity.admin_base import ReadOnlyModelAdmin, ServiceModelAdmin
from identity.errors import DomainError

_PARTS = ("subject", "text", "html")


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refuses what cannot be read, at the field where it stands."""

    def clean(self) -> dict[str, Any] | None:
        for name in _PARTS:
            try:
                rendering.names(Parts(**{name: self.cleaned_data.get(name) or ""}))
            except DomainError as error:
                self.add_error(name, error.message)
        channel = self.cleaned_data.get("channel")
        if channel and channel not in registry.descriptions():
            self.add_error("channel", _("There is no such channel."))
        return super().clean()


@admin.register(Template)
class TemplateAdmin(ServiceModelAdmin):
    """Saving never changes a version: it makes the next one, and journeys go on with the one they name."""

    list_display = ["name", "version", "channel", "subject", "created_at", "created_by"]
    list_filter = ["channel"]
    search_fields = ["name", "subject"]
    fields = ["name", "channel", *_PARTS, "preview", "version", "created_at", "created_by"]
    readonly_fields = ["preview", "version", "created_at", "created_by"]
    form = TemplateForm
    actions = ["archive"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Template]:
        """List the newest versions; an older one opens by its address."""
        match = request.resolver_match
        listing = match is not None and str(match.url_name).endswith("_changelist")
        return selectors.templates() if listing else super().get_queryset(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Template | None = None) -> Any:
        return [*self.readonly_fields, *(["name", "channel"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Template | None = None) -> bool:
        return False  # journeys and deliveries name their version for ever; it can be archived

    @admin.action(permissions=["change"], description=_("Archive: offer it no longer"))
    def archive(self, request: HttpRequest, queryset: QuerySet[Template]) -> None:
        for name in sorted(set(queryset.values_list("name", flat=True))):
            services.archive_template(name, actor=actor(request), now=clock.now())

    @admin.display(description=_("preview with sample values"))
    def preview(self, row: Template) -> SafeString | str:
        if not row.pk:
            return "-"
        try:
            shown = selectors.preview(Parts(row.subject, row.text, row.html), {})
        except DomainError as error:
            return error.message
        frame = (
            format_html(
                '<iframe sandbox="" srcdoc="{}" title="HTML" style="width:100%;height:24rem;background:#fff"></iframe>',
                shown.html,
            )
            if shown.html
            else ""
        )
        return format_html(
            "<p><b>{}</b></p><pre style='white-space:pre-wrap'>{}</pre>{}",
            shown.subject,
            shown.text,
            frame,
        )

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too; it makes the next version."""
        parts = Parts(obj.subject, obj.text, obj.html)
        saved = services.save_template(
            obj.name, obj.channel, parts, actor=actor(request), now=clock.now()
        )
        obj.pk, obj.version = saved.pk, saved.version


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyModelAdmin):
    """Deliveries, what became of them and why. Addresses are not shown: clear ones live in the vault alone."""

    list_display = ["key", "channel", "message_class", "template", "status", "reason", "due_at"]
    list_filter = ["status", "channel", "message_class"]
    list_select_related = ["template"]
    search_fields = ["=key", "=provider_id"]
    fields = [
        "key",
        "channel",
        "message_class",
        "template",
        "journey",
        "node",
        "status",
        "reason",
        "held",
        "tries",
        "due_at",
        "handed_at",
        "provider_id",
        "decision",
        "story",
    ]
    readonly_fields = ["story"]
    ordering = ["-id"]
    actions = ["went", "did_not_go", "cancel"]

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Let who may change deliveries decide about them; their rows stay machine-written."""
        return bool(request.user.has_perm("activation.change_delivery"))

    @admin.display(description=_("what happened"))
    def story(self, row: Delivery) -> SafeString:
        lines = [
            (f"{line['at']:%Y-%m-%d %H:%M:%S}", line["what"], line["detail"], line["by"])
            for line in selectors.timeline(row)
        ]
        pattern = "<li>{} <b>{}</b> {} <i>{}</i></li>"
        return format_html("<ul>{}</ul>", format_html_join("", pattern, lines))

    @admin.action(permissions=["settle"], description=_("Unknown: it went"))
    def went(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._each(request, queryset, went=True)

    @admin.action(permissions=["settle"], description=_("Unknown: it did not go"))
    def did_not_go(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._each(request, queryset, went=False)

    @admin.action(permissions=["settle"], description=_("Take out of the queue"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._each(request, queryset, went=None)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Delivery], *, went: bool | None
    ) -> None:
        who: dict[str, Any] = {"actor": actor(request), "now": clock.now()}
        for row in queryset:
            try:
                if went is None:
                    services.cancel(row.key, **who)
                else:
                    services.resolve(row.key, went=went, **who)
            except DomainError as error:
                messages.error(request, error.message)


@admin.register(PartnerList)
class PartnerListAdmin(ServiceModelAdmin):
    """What a partner pulls with a key of the channel."""

    list_display = ["name", "channel", "namespace", "audience", "refreshed_at"]
    fields = ["channel", "name", "namespace", "audience", "refreshed_at"]
    readonly_fields = ["refreshed_at"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # a partner holds a cursor into it: another list is another row

    def save_model(self, request: HttpRequest, obj: PartnerList, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        saved = services.create_list(
            obj.channel,
            obj.name,
            namespace=obj.namespace,
            audience=obj.audience.slug if obj.audience else "",
            actor=actor(request),
            now=clock.now(),
        )
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: PartnerList) -> None:
        services.delete_list(obj.pk, actor=actor(request), now=clock.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PartnerList]) -> None:
        for row in queryset.values_list("pk", flat=True):
            services.delete_list(row, actor=actor(request), now=clock.now())
