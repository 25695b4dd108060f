"""Pages of privacy: who changed what, who saw clear data, what people allow and forbid. All read-only: services write them."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from identity.admin_base import ReadOnlyModelAdmin
from identity.privacy import erasures
from identity.privacy.masking import masked
from identity.privacy.models import AuditEntry, Consent, Erasure, Suppression, VaultAccess


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyModelAdmin):
    """The audit log. It is not searched by object: a search is in the page's address, and an object may be somebody's identifier."""

    list_display = ["at", "actor", "action", "masked"]
    list_filter = ["action"]
    search_fields = ["actor", "action"]
    ordering = ["-pk"]
    fields = ["at", "actor", "action", "masked", "detail"]

    @display(description=_("object"))
    def masked(self, row: AuditEntry) -> str:
        return masked(row.object)


@admin.register(VaultAccess)
class VaultAccessAdmin(ReadOnlyModelAdmin):
    """The access log of the vault."""

    list_display = ["at", "actor", "why", "field", "masked"]
    search_fields = ["actor", "why"]
    ordering = ["-pk"]
    fields = ["at", "actor", "why", "field", "masked"]

    @display(description=_("identifier"))
    def masked(self, row: VaultAccess) -> str:
        return masked(row.identifier.replace(":", ": ", 1))


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyModelAdmin):
    """People who were erased: how far that is, and the certificate."""

    list_display = ["id", "state", "phase", "asked_by", "asked_at", "erased_at", "certificate"]
    list_filter = ["state"]
    ordering = ["-pk"]
    fields = [
        "state", "phase", "asked_by", "asked_at", "started_at", "erased_at", "finished_at",
        "identifiers", "removed", "notes", "certificate",
    ]  # fmt: skip
    readonly_fields = ["certificate"]

    @display(description=_("certificate"))
    def certificate(self, row: Erasure) -> str:
        address = reverse("admin:identity_erasure_certificate", args=[row.pk])
        return format_html('<a href="{}">{}</a>', address, _("Download"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download)
        own = path("<int:number>/certificate/", view, name="identity_erasure_certificate")
        return [own, *super().get_urls()]

    def download(self, request: HttpRequest, number: int) -> HttpResponse:
        """Hand out the certificate as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(Erasure, pk=number)
        answer = JsonResponse(dict(erasures.certificate(row)), json_dumps_params={"indent": 1})
        answer["Content-Disposition"] = f'attachment; filename="erasure-{number}.json"'
        return answer


@admin.register(Consent)
class ConsentAdmin(ReadOnlyModelAdmin):
    """What people allow and refuse."""

    list_display = ["masked", "purpose", "channel", "granted", "at", "said_by"]
    list_filter = ["granted", "purpose", "channel"]
    ordering = ["-pk"]
    fields = ["masked", "purpose", "channel", "granted", "at", "said_by", "touchpoint"]

    @display(description=_("identifier"))
    def masked(self, row: Consent) -> str:
        return masked(row.identifier.replace(":", ": ", 1))


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyModelAdmin):
    """Channels that must not be used, and those that may again."""

    list_display = ["masked", "channel", "reason", "active", "at", "said_by"]
    list_filter = ["active", "reason", "channel"]
    ordering = ["-pk"]
    fields = ["masked", "channel", "reason", "active", "at", "said_by", "touchpoint"]

    @display(description=_("identifier"))
    def masked(self, row: Suppression) -> str:
        return masked(row.identifier.replace(":", ": ", 1))
