"""Addresses of the console: the admin and the REST API. The collector's public addresses are in dmp_site.public."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from dmp_site.console import health, home

admin.autodiscover()  # before the addresses are asked of the site below

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", health.alive, name="health"),
    path("admin/health/", health.health_page, name="console-health"),
    path("admin/health/findings", health.findings_page, name="console-findings"),
    path("admin/numbers", home.numbers_page, name="console-numbers"),
    path("admin/", admin.site.urls),
    path("api/", include("dmp_site.api.urls")),
]

handler400 = "dmp_site.api.errors.bad_request"
handler404 = "dmp_site.api.errors.not_found"
handler500 = "dmp_site.api.errors.server_error"
