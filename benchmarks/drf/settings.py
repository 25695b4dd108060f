"""The product's settings, with the yardstick's table and address added."""

from dmp_site import settings
from dmp_site.settings import *  # noqa: F403

INSTALLED_APPS = [*settings.INSTALLED_APPS, "benchmarks.drf"]
ROOT_URLCONF = "benchmarks.drf.urls"
MIDDLEWARE = [
    "django.middleware.common.CommonMiddleware"
]  # each of the others would cost the yardstick time
SILENCED_SYSTEM_CHECKS = ["admin.E408", "admin.E409", "admin.E410"]
