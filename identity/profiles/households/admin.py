"""Pages of households: how many people each has, and what they come to together."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from identity.admin_base import ReadOnlyModelAdmin, row_id
from identity.graph import policies
from identity.profiles.households import sections, selectors
from identity.profiles.models import Household

SHOWN = 100  # of the people, on a household's page


@admin.register(Household)
class HouseholdAdmin(ReadOnlyModelAdmin):
    """What sources group people by. A value that is personal data is masked; no address names one."""

    list_display = ["named", "people", "created_at"]
    list_display_links = ["named"]
    ordering = ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Household]:
        """Count the people of the rows that are shown, and say whose value is personal."""
        rows: QuerySet[Household] = super().get_queryset(request)
        return rows.annotate(people_now=selectors.PEOPLE, hidden=selectors.HIDDEN)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the identity policy once for all rows."""
        changes, policy = super().get_changelist_instance(request), policies.current()
        for household in changes.result_list:
            household.policy = policy
        return changes

    @display(description=gettext_lazy("household"))
    def named(self, household: Any) -> str:
        return sections.name(selectors.home(household, household.policy, hidden=household.hidden))

    @display(description=gettext_lazy("people"))
    def people(self, household: Any) -> str:
        return f"{household.people_now or 0:,}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the sums of one household, and its people."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = row_id(object_id)
        household = None if row is None else Household.objects.filter(pk=row).first()
        if household is None:
            messages.warning(request, _("There is no such household."))
            return HttpResponseRedirect(reverse("admin:identity_household_changelist"))
        [summary] = selectors.summaries([household])
        people = selectors.residents(household.pk, limit=SHOWN + 1)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": sections.name(summary.home, whole=True),
            "cards": [
                (_("People"), f"{summary.home.profiles:,}"),
                (_("Orders"), f"{summary.account.orders:,}"),
                (_("Revenue"), sections.revenue(summary.account.revenue)),
                (_("Contacts received"), f"{summary.contacts:,}"),
            ],
            "section": sections.of_household(people, shown=SHOWN),
        }
        return TemplateResponse(request, "identity/household.html", context)
