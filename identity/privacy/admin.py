"""Pages of privacy: who changed what, who saw clear data, what people allow and forbid. All read-only: services write them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from identity.admin_base import ReadOnlyModelAdmin
from identity.privacy.masking import masked
from identity.privacy.models import AuditEntry, Consent, Suppression, VaultAccess


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyModelAdmin):
    """The audit log."""

    list_display = ["at", "actor", "action", "object"]
    list_filter = ["action"]
    search_fields = ["actor", "action", "object"]
    ordering = ["-pk"]


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
