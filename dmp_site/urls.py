"""Addresses of the console: the admin and the REST API. The collector's public addresses are in dmp_site.public."""

from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
