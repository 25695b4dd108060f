"""Pages of the console: policies, weights, classes and quiet hours; the ledger, decisions and caps (read-only)."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from activation.pressure import documents, selectors, services, weights
from activation.pressure.models import (
    ChannelWeight,
    Decision,
    LedgerRow,
    MessageClass,
    PersonCap,
    Policy,
    PolicyVersion,
    QuietHours,
)
from identity import clock
from identity.access import actor
from identity.admin_base import ReadOnlyModelAdmin, ServiceModelAdmin
from identity.errors import DomainError


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Says what is wrong with a document."""

    def clean_document(self) -> Any:
        document = self.cleaned_data["document"]
        try:
            documents.read(document)
        except documents.BadPolicy as error:
            raise forms.ValidationError(error.message) from None
        return document


class VersionInline(TabularInline):  # type: ignore[misc]
    """What was published."""

    model = PolicyVersion
    fk_name = "policy"
    fields = readonly_fields = ["number", "document", "published_at", "published_by"]
    extra = 0
    can_delete = False
    ordering = ["-number"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Policy)
class PolicyAdmin(ServiceModelAdmin):
    """The working copy is edited as JSON; publishing and archiving are actions."""

    list_display = ["name", "state", "version", "changed_at"]
    list_filter = ["state"]
    list_select_related = ["version"]
    search_fields = ["name", "slug"]
    form = PolicyForm
    inlines = [VersionInline]
    actions = ["publish", "archive"]
    ordering = ["name"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        edited = ["name", "slug", "document"]
        return edited if obj is None else [*edited, "state", "changed_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else ["slug", "state", "changed_at"]

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        who: dict[str, Any] = {"actor": actor(request), "now": clock.now()}
        if change:
            services.change(obj.pk, name=obj.name, document=obj.document, **who)
        else:
            obj.pk = services.create(obj.name, obj.document, slug=obj.slug, **who).pk

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(permissions=["change"], description=_("Publish: hold from the next batch on"))
    def publish(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._each(request, queryset, services.publish)

    @admin.action(permissions=["change"], description=_("Archive: hold no longer"))
    def archive(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._each(request, queryset, services.archive)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Policy], service: Callable[..., Any]
    ) -> None:
        for policy in queryset:
            try:
                service(policy.pk, actor=actor(request), now=clock.now())
            except DomainError as error:
                messages.error(request, f"{policy}: {error.message}")
            else:
                messages.success(request, _("%(policy)s: done.") % {"policy": policy})


def _who(request: HttpRequest) -> dict[str, Any]:
    return {"actor": actor(request), "now": clock.now()}


class _Removing(ServiceModelAdmin):
    """Rows that a service deletes, one by one, from their page and from the list."""

    @abstractmethod
    def remove(self, row: Any, **who: Any) -> None:
        """Call the service. Raises DomainError."""

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj, **_who(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.remove(row, **_who(request))


class _Named(_Removing):
    """Rows that are known by a name, which stays."""

    named: ClassVar[str]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else [self.named]


@admin.register(ChannelWeight)
class ChannelWeightAdmin(_Named):
    """What a contact weighs, by channel."""

    list_display = ["channel", "weight"]
    named = "channel"

    def save_model(self, request: HttpRequest, obj: ChannelWeight, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        rows = weights.set_weights({obj.channel: obj.weight}, **_who(request))
        obj.pk = rows[obj.channel].pk

    def remove(self, row: ChannelWeight, **who: Any) -> None:
        weights.remove_weight(row.channel, **who)


@admin.register(MessageClass)
class MessageClassAdmin(_Named):
    """Kinds of messages; journeys name them."""

    list_display = ["name", "weight", "obeys_caps", "counts_toward_caps"]
    named = "name"

    def save_model(self, request: HttpRequest, obj: MessageClass, form: Any, change: Any) -> None:
        """Hand the form to the service that the API calls too."""
        row = weights.set_class(
            obj.name,
            weight=obj.weight,
            obeys_caps=obj.obeys_caps,
            counts_toward_caps=obj.counts_toward_caps,
            **_who(request),
        )
        obj.pk = row.pk

    def remove(self, row: MessageClass, **who: Any) -> None:
        weights.remove_class(row.name, **who)


@admin.register(QuietHours)
class QuietHoursAdmin(_Removing):
    """Hours of every local day in which nothing goes that obeys caps."""

    list_display = ["name", "start", "end", "channels", "enabled"]

    def save_model(self, request: HttpRequest, obj: QuietHours, form: Any, change: Any) -> None:
        """Hand the form to the services that the API calls too."""
        if change:
            weights.change_quiet_hours(obj.pk, form.cleaned_data, **_who(request))
        else:
            obj.pk = weights.add_quiet_hours(form.cleaned_data, **_who(request)).pk

    def remove(self, row: QuietHours, **who: Any) -> None:
        weights.remove_quiet_hours(row.pk, **who)


@admin.register(LedgerRow)
class LedgerRowAdmin(ReadOnlyModelAdmin):
    """Every contact. The owner is shown as a row number: a value could be personal."""

    list_display = [
        "key",
        "channel",
        "message_class",
        "status",
        "origin",
        "points",
        "effective_at",
    ]
    list_filter = ["status", "origin", "channel", "message_class"]
    search_fields = ["=key"]
    fields = [
        "key",
        "owner_id",
        "sequence",
        "origin",
        "status",
        "reason",
        "channel",
        "message_class",
        "journey",
        "version",
        "node",
        "points",
        "counts",
        "decided_at",
        "effective_at",
        "provider_id",
        "seen",
    ]
    ordering = ["-id"]


@admin.register(Decision)
class DecisionAdmin(ReadOnlyModelAdmin):
    """Every answer: which policies were looked at, how they stood, who refused, when it would pass."""

    list_display = ["decided_at", "key", "channel", "passed", "reason", "winner", "earliest"]
    list_filter = ["passed", "reason", "channel"]
    search_fields = ["=key"]
    fields = [
        "key",
        "owner_id",
        "channel",
        "message_class",
        "journey",
        "decided_at",
        "at",
        "passed",
        "reason",
        "winner",
        "earliest",
        "points",
        "policies",
        "audiences",
    ]
    ordering = ["-id"]

    @admin.display(description=_("policies evaluated"))
    def policies(self, row: Decision) -> SafeString:
        rows = [
            (use["name"], use["use"], use["cost"], use["limit"]) for use in selectors.uses(row)
        ]
        return format_html(
            "<ul>{}</ul>", format_html_join("", "<li><b>{}</b>: {} + {} / {}</li>", rows)
        )


@admin.register(PersonCap)
class PersonCapAdmin(ReadOnlyModelAdmin):
    """Caps that journeys and API clients gave to one person."""

    list_display = ["owner_id", "channel", "limit", "window", "until", "origin"]
    list_filter = ["channel"]
    fields = ["owner_id", "channel", "limit", "window", "until", "origin", "changed_at"]
    ordering = ["-id"]
