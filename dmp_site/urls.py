"""Addresses of the console: the admin and the REST API. The collector's public addresses are in dmp_site.public."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/", include("dmp_site.api.urls")),
]

handler400 = "dmp_site.api.errors.bad_request"
handler404 = "dmp_site.api.errors.not_found"
handler500 = "dmp_site.api.errors.server_error"
