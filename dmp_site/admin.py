"""Admin pages of the composition root: people and their roles, API keys, jobs."""

from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from activation.audiences import panel as audiences
from activation.deliveries import panel as deliveries
from activation.pressure import panel as pressure
from dmp_site import apikeys, jobs
from dmp_site.api.authentication import known_scopes
from dmp_site.erasing import bundle
from dmp_site.models import ApiKey, Job
from dmp_site.trials import starting
from identity import clock
from identity.access import actor
from identity.admin_base import Audited, ReadOnlyModelAdmin, ServiceModelAdmin
from identity.errors import DomainError
from identity.graph import store
from identity.profiles.admin import ProfileAdmin
from identity.profiles.policies.admin import IdentityPolicyAdmin
from journeys import panel as journeys

# What the higher floors tell about a person, in the order of the page: who they are to us, what they receive.
ProfileAdmin.panels = [audiences.panel, journeys.panel, deliveries.panel, pressure.panel]
ProfileAdmin.bundle = lambda profile, who, why, now: bundle.encode(
    bundle.of(profile, store(), actor=who, why=why, now=now)
)

IdentityPolicyAdmin.trials = starting.Shown()

# People meet jobs on the page of jobs; the task queue's own tables are machinery, and its pages write no audit entry.
for machinery in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(machinery):
        admin.site.unregister(machinery)
admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(Audited, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc, type-arg]
    """People who may sign in. What they may do follows from their roles."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "roles", "is_active", "is_superuser", "last_login"]
    list_filter = ["groups", "is_active"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Role"), {"fields": ["groups", "is_active", "is_staff", "is_superuser"]}),
        (_("Dates"), {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "classes": ["wide"],
                "fields": ["username", "usable_password", "password1", "password2"],
            },
        ),
        (_("Role"), {"fields": ["groups", "is_staff"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())


@admin.register(Group)
class GroupAdmin(Audited, DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Roles. The built-in ones are restored by `manage.py setup`; others may be added."""


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ["name", "scopes", "channel"]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        scopes = ["*:read", "*", *known_scopes()]
        self.fields["scopes"].choices = [(scope, scope) for scope in scopes]  # type: ignore[attr-defined]


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceModelAdmin):
    """Keys of API clients. A key is shown once; afterwards it can only be revoked."""

    form = ApiKeyForm
    list_display = [
        "name",
        "prefix",
        "scope_list",
        "channel",
        "created_at",
        "used_at",
        "revoked_at",
    ]
    search_fields = ["name", "prefix"]
    actions = ["revoke"]
    readonly_fields = ["prefix", "created_at", "used_at", "revoked_at"]

    @display(description=_("scopes"))
    def scope_list(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("dmp_site.change_apikey")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        shown = ["name", "scope_list", "channel", *self.readonly_fields]
        return shown if obj else ["name", "scopes", "channel"]

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001
        """Hand the form to the service that the API calls too."""
        key, clear = apikeys.create(now=clock.now(), actor=actor(request), **form.cleaned_data)
        obj.pk, obj.prefix = key.pk, key.prefix
        said = _("The key is %(key)s. It is not stored: copy it now.") % {"key": clear}
        messages.warning(request, said)

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: Any) -> None:
        for key in keys:
            apikeys.revoke(key.prefix, clock.now(), actor=actor(request))


@admin.register(Job)
class JobAdmin(ReadOnlyModelAdmin):
    """Long jobs; an operator may cancel them."""

    list_display = ["id", "title", "state_label", "progress", "actor", "created_at", "changed_at"]
    list_filter = ["state", "kind"]
    ordering = ["-id"]
    actions = ["cancel"]
    fields = [
        "kind", "state", "progress", "payload", "checkpoint", "error", "cancel",
        "actor", "created_at", "changed_at", "lease_until",
    ]  # fmt: skip

    @display(description=_("job"))
    def title(self, job: Job) -> str:
        kind = jobs.KINDS.get(job.kind)
        return str(kind.title) if kind else job.kind

    @display(
        description=_("state"),
        ordering="state",
        label={"running": "info", "done": "success", "failed": "danger", "cancelled": "warning"},
    )
    def state_label(self, job: Job) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @display(description=_("progress"))
    def progress(self, job: Job) -> str:
        return f"{job.processed:,} / {job.total:,}" if job.total else f"{job.processed:,}"

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("dmp_site.change_job")

    @admin.action(description=_("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, chosen: Any) -> None:
        for job in chosen:
            try:
                jobs.cancel(job.pk, clock.now(), actor=actor(request))
            except DomainError as error:
                messages.error(request, error.message)
