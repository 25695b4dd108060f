"""Pages of the console: the versions of the identity policy, the draft, and how far what is stored was brought to it."""

from functools import partial
from typing import Any, ClassVar, Protocol

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from identity import clock
from identity.access import actor
from identity.admin_base import ServiceModelAdmin
from identity.errors import DomainError
from identity.graph import documents, policies
from identity.graph.models import IdentityPolicy
from identity.profiles.policies import services


class Trials(Protocol):
    """What the composition root lends: dry runs of a draft."""

    def start(self, policy: IdentityPolicy, *, actor: str, now: clock.Instant) -> int: ...

    def shown(self, policy: IdentityPolicy) -> str: ...


class DraftForm(forms.ModelForm):  # type: ignore[type-arg]
    """Names each mistake of a document."""

    def clean_document(self) -> Any:
        try:
            read = documents.read(self.cleaned_data["document"], version=0)
            documents.require_successor(policies.current(), read)
        except documents.BadPolicy as error:
            raise forms.ValidationError(list(error.detail["mistakes"])) from None
        return documents.write(read)


@admin.register(IdentityPolicy)
class IdentityPolicyAdmin(ServiceModelAdmin):
    """The draft is edited as JSON, tried on the whole graph, and applied; every other version stays as it is."""

    trials: ClassVar[Trials | None] = None
    form = DraftForm
    list_display = ["version", "state", "progress", "applied_at", "changed_at", "changed_by"]
    ordering = ["-version"]
    actions = ["draft_from", "try_out", "apply"]

    @display(description=_("state"))
    def state(self, policy: IdentityPolicy) -> str:
        if policy.requested_at is None:
            return str(_("draft"))
        newest = services.in_force()
        if newest is not None and newest.pk > policy.pk:
            return str(_("earlier version"))
        return str(_("waits for the lane") if policy.applied_at is None else _("in force"))

    @display(description=_("progress"))
    def progress(self, policy: IdentityPolicy) -> str:
        found = services.progress(policy)
        if found is None:
            return "-"
        if found.done:
            return str(_("every profile is as it says"))
        return f"{found.processed:,} / {found.of:,}"

    @display(description=_("dry run"))
    def trial(self, policy: IdentityPolicy) -> Any:
        return format_html("{}", self.trials.shown(policy)) if self.trials else "-"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        shown = ["version", "state", "progress", "trial", "requested_at", "applied_at"]
        return ["document"] if obj is None else ["document", *shown, "changed_at", "changed_by"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in self.get_fields(request, obj) if name != "document"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin a draft with the policy in force."""
        return {"document": documents.write(policies.current())}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """There is one draft at a time."""
        return services.draft() is None and bool(super().has_add_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = bool(super().has_change_permission(request, obj))
        return may and (obj is None or obj.requested_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = bool(super().has_delete_permission(request, obj))
        return may and (obj is None or obj.requested_at is None)

    def has_apply_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identity.change_identitypolicy")

    def save_model(
        self, request: HttpRequest, obj: IdentityPolicy, form: Any, change: Any
    ) -> None:
        """Hand the form to the service that the API calls too."""
        obj.pk = services.change(obj.document, clock.now(), actor=actor(request)).pk

    def delete_model(self, request: HttpRequest, obj: IdentityPolicy) -> None:
        services.discard(clock.now(), actor=actor(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for policy in queryset:
            self.delete_model(request, policy)

    @admin.action(permissions=["apply"], description=_("Copy into the draft"))
    def draft_from(self, request: HttpRequest, chosen: Any) -> None:
        for policy in chosen[:1]:
            self._told(
                request,
                lambda who, now, document=policy.document: services.change(
                    document, now, actor=who
                ),
            )

    @admin.action(permissions=["apply"], description=_("Try on the whole graph (dry run)"))
    def try_out(self, request: HttpRequest, chosen: Any) -> None:
        if self.trials is None:
            return
        for policy in chosen[:1]:
            start = partial(self.trials.start, policy)
            job = self._told(request, lambda who, now, start=start: start(actor=who, now=now))
            if job:
                said = _("Job %(job)s tries it; what it finds stands on the page of the version.")
                messages.success(request, said % {"job": job})

    @admin.action(permissions=["apply"], description=_("Apply the draft"))
    def apply(self, request: HttpRequest, chosen: Any) -> None:
        for policy in chosen:
            if policy.requested_at is not None:
                messages.error(request, _("Only the draft can be applied."))
                return
        self._told(request, lambda who, now: services.apply(now, actor=who))

    @staticmethod
    def _told(request: HttpRequest, work: Any) -> Any:
        try:
            return work(actor(request), clock.now())
        except DomainError as error:
            messages.error(request, error.message)
            return None
