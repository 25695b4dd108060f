from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DmpSiteConfig(AppConfig):
    name = "dmp_site"
    verbose_name = _("Operations")
