"""Pages of the console: channels that an operator adds."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from activation.channels import registry, services
from activation.channels.models import ChannelConfig, Kind
from identity import clock
from identity.access import actor
from identity.admin_base import ServiceModelAdmin

_CHANGED = ["enabled", "addressed_by", "url", "ack_within"]


@admin.register(ChannelConfig)
class ChannelConfigAdmin(ServiceModelAdmin):
    """A channel is made here, then its secret or its key is given to who is behind it."""

    list_display = ["name", "kind", "enabled", "addressed_by", "trouble"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name"]
    fields = ["name", "kind", *_CHANGED, "secrets", "trouble"]
    readonly_fields = ["secrets", "trouble"]
    actions = ["rotate", "finish_rotation"]

    def get_readonly_fields(self, request: HttpRequest, obj: ChannelConfig | None = None) -> Any:
        return [*self.readonly_fields, *(["name", "kind"] if obj else [])]

    def has_delete_permission(
        self, request: HttpRequest, obj: ChannelConfig | None = None
    ) -> bool:
        """Refuse: deliveries name their channel for ever. It can be switched off."""
        return False

    @admin.display(description=_("secrets that sign"))
    def secrets(self, row: ChannelConfig) -> SafeString | str:
        if not row.pk or row.kind != Kind.WEBHOOK:
            return "-"
        lines = [(secret,) for secret in registry.secrets_of(row)]
        return format_html("<ul>{}</ul>", format_html_join("", "<li><code>{}</code></li>", lines))

    def get_fields(self, request: HttpRequest, obj: ChannelConfig | None = None) -> Any:
        """Show secrets to who may change them."""
        shown = self.has_change_permission(request, obj)
        return [field for field in self.fields if shown or field != "secrets"]

    def save_model(self, request: HttpRequest, obj: ChannelConfig, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        values = {name: form.cleaned_data[name] for name in _CHANGED if name in form.cleaned_data}
        who: dict[str, Any] = {"actor": actor(request), "now": clock.now()}
        saved = (
            services.change(obj.name, values, **who)
            if change
            else services.create(obj.name, obj.kind, values, **who)
        )
        obj.pk = saved.pk

    @admin.action(
        permissions=["change"], description=_("Next secret; the previous one signs along")
    )
    def rotate(self, request: HttpRequest, queryset: QuerySet[ChannelConfig]) -> None:
        for row in queryset:
            services.rotate_secret(row.name, actor=actor(request), now=clock.now())

    @admin.action(permissions=["change"], description=_("Let the previous secret sign no longer"))
    def finish_rotation(self, request: HttpRequest, queryset: QuerySet[ChannelConfig]) -> None:
        for row in queryset:
            services.finish_rotation(row.name, actor=actor(request), now=clock.now())
