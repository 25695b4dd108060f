"""Pages of what comes in: sources with their keys and refusals, set-aside touchpoints, batches and the lane's commands."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from identity import clock
from identity.access import actor
from identity.admin_base import ReadOnlyModelAdmin, ServiceModelAdmin
from identity.errors import DomainError
from identity.privacy.masking import masked
from identity.touchpoints import aside, forgetting, refusals, sources, unowned, waiting
from identity.touchpoints.decode import INTERNAL, MODEL
from identity.touchpoints.models import (
    Batch,
    Forgetting,
    LaneCommand,
    Refusal,
    SetAside,
    Source,
    WriteKey,
)

_HOUSEHOLD = "group_is_household"


class _ReadOnlyInline(TabularInline):  # type: ignore[misc]
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class WriteKeyInline(_ReadOnlyInline):
    model = WriteKey
    fields = ["prefix", "created_at", "revoked_at"]


class RefusalInline(_ReadOnlyInline):
    """Why events of this source were not taken, or taken with a value left out."""

    model = Refusal
    fields = ["reason", "count", "detail", "first_at", "last_at"]
    ordering = ["-last_at"]


class ForgettingInline(_ReadOnlyInline):
    """How far the lane has come with taking out what this source brought."""

    model = Forgetting
    fields = ["asked_at", "asked_by", "position", "until", "touchpoints", "done_at"]


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[*sources.KINDS.items()], widget=UnfoldAdminSelectWidget
    )
    group_is_household = forms.BooleanField(
        label=_("Groups are households"),
        required=False,
        help_text=_("The groupId of this source's group calls names a household."),
    )

    class Meta:
        model = Source
        fields = ["name", "kind", "enabled", "region"]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        chosen = self.instance.settings or {}
        self.fields["group_is_household"].initial = chosen.get("group_is_household", False)


@admin.register(Source)
class SourceAdmin(ServiceModelAdmin):
    """Where touchpoints come from. A source is switched off rather than deleted: its touchpoints go on naming it."""

    form = SourceForm
    list_display = ["name", "kind", "enabled", "keys_in_use", "refused", "created_at"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name"]
    inlines = [WriteKeyInline, RefusalInline]
    actions = ["new_key", "forget"]
    change_form_outer_after_template = "identity/unowned.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        rows: QuerySet[Source] = super().get_queryset(request)
        return rows.prefetch_related("write_keys", "refusals")

    def get_inlines(self, request: HttpRequest, obj: Source | None) -> Any:
        if obj is None:
            return []
        going = Forgetting.objects.filter(source=obj).exists()
        return [ForgettingInline, *self.inlines] if going else self.inlines

    def has_change_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        own = obj is not None and obj.kind in {INTERNAL, MODEL}
        return not own and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Add the touchpoints of this source that were refused as evidence."""
        given = dict(extra_context or {})
        source = self.get_object(request, object_id)
        if source and self.has_view_permission(request, source):
            given["unowned"] = unowned.table(source.pk, request.GET.get("before", ""))
        return super().change_view(request, object_id, form_url, given)

    @display(description=_("keys in use"))
    def keys_in_use(self, source: Source) -> int:
        return sum(key.revoked_at is None for key in source.write_keys.all())

    @display(description=_("refused"))
    def refused(self, source: Source) -> int:
        return sum(
            refusal.count
            for refusal in source.refusals.all()
            if refusal.reason not in refusals.TAKEN
        )

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:  # noqa: FBT001
        """Hand the form to the service that the API calls too; a new source gets its first key at once."""
        values, who = form.cleaned_data, actor(request)
        if change:
            sources.change(obj.pk, values, clock.now(), actor=who)
            return
        obj.pk = sources.create(now=clock.now(), actor=who, **values).pk
        self._show_key(request, obj)

    def has_key_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.add_writekey")

    @admin.action(description=_("Make a write key"), permissions=["key"])
    def new_key(self, request: HttpRequest, chosen: QuerySet[Source]) -> None:
        for source in chosen:
            try:
                self._show_key(request, source)
            except DomainError as error:
                messages.error(request, f"{source.name}: {error.message}")

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_source")

    @admin.action(
        description=_("Forget: switch off for good, and take out all links that it brought"),
        permissions=["forget"],
    )
    def forget(self, request: HttpRequest, chosen: QuerySet[Source]) -> None:
        for source in chosen:
            try:
                forgetting.ask(source.pk, actor=actor(request), now=clock.now())
            except DomainError as error:
                messages.error(request, f"{source.name}: {error.message}")

    def _show_key(self, request: HttpRequest, source: Source) -> None:
        _row, clear = sources.create_key(source.pk, clock.now(), actor=actor(request))
        said = _("The write key of %(source)s is %(key)s. It is not stored: copy it now.")
        messages.warning(request, said % {"source": source.name, "key": clear})


@admin.register(WriteKey)
class WriteKeyAdmin(ReadOnlyModelAdmin):
    """Write keys; one that leaked is revoked here."""

    list_display = ["prefix", "source", "created_at", "revoked_at"]
    list_filter = ["source"]
    list_select_related = ["source"]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_writekey")

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[WriteKey]) -> None:
        for key in chosen:
            try:
                sources.revoke_key(key.pk, clock.now(), actor=actor(request))
            except DomainError as error:
                messages.error(request, error.message)


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyModelAdmin):
    """What was refused, per source and reason."""

    list_display = ["source", "reason", "count", "detail", "first_at", "last_at"]
    list_filter = ["source"]
    list_select_related = ["source"]
    search_fields = ["reason"]
    ordering = ["-last_at"]


@admin.register(SetAside)
class SetAsideAdmin(ReadOnlyModelAdmin):
    """Touchpoints that failed alone. "Try again" gives them back to the lane under their own number."""

    list_display = [
        "number",
        "state",
        "source_name",
        "error",
        "tries",
        "received_at",
        "changed_at",
    ]
    list_filter = ["state"]
    ordering = ["-number"]
    actions = ["try_again"]
    fields = [
        "number", "state", "touchpoint", "source_name", "mode", "error", "tries", "received_at", "changed_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[SetAside]:
        return super().get_queryset(request).exclude(state=waiting.STATE)

    @display(description=_("source"))
    def source_name(self, row: SetAside) -> str:
        source = Source.objects.filter(pk=row.source).first()
        return source.name if source else str(row.source)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_setaside")

    @admin.action(description=_("Try again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[SetAside]) -> None:
        for row in chosen:
            try:
                aside.retry(row.number, actor(request), clock.now())
            except DomainError as error:
                messages.error(request, error.message)


@admin.register(Batch)
class BatchAdmin(ReadOnlyModelAdmin):
    """What the lane did, one transaction a row."""

    list_display = [
        "id", "kind", "now", "mode", "touchpoints", "first_number", "last_number", "epoch",
    ]  # fmt: skip
    list_filter = ["kind", "mode"]
    ordering = ["-pk"]


@admin.register(LaneCommand)
class LaneCommandAdmin(ReadOnlyModelAdmin):
    """What people asked of the lane, and whether it could be done."""

    list_display = ["id", "kind", "actor", "created_at", "done_at", "error", "broke"]
    list_filter = ["broke", "kind"]
    ordering = ["-pk"]
    fields = ["kind", "asked", "actor", "created_at", "done_at", "error"]

    @display(description=_("payload"))
    def asked(self, row: LaneCommand) -> str:
        """Shorten the HMACs of personal identifiers, as on every page."""
        return masked(json.dumps(row.payload, ensure_ascii=False))
