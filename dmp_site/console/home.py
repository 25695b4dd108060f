"""The home page of the console: what is going on, now."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dmp_site.console.numbers import cards
from identity.clock import now
from identity.privacy.models import AuditEntry

RECENT = 8


def context(request: HttpRequest, given: dict[str, Any]) -> dict[str, Any]:
    """Add the numbers, and the latest changes for who may see the audit log, to the admin's index page."""
    latest = AuditEntry.objects.order_by("-pk")[:RECENT]
    return given | {
        "cards": cards(request, now()),
        "changes": latest if request.user.has_perm("identity.view_auditentry") else [],
    }


def numbers(request: HttpRequest) -> HttpResponse:
    """Answer the numbers alone; the home page fetches them again and again."""
    return render(request, "console/cards.html", {"cards": cards(request, now())})


numbers_page = admin.site.admin_view(numbers)
