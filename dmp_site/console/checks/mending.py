"""What mends the cause of an error that kept a check from being carried out."""

import sqlite3

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.utils.translation import gettext as _

from identity.touchpoints.inbox.port import InboxAway


def mend(error: Exception) -> str:
    """Return what mends the cause of an error that kept a check from being carried out."""
    if isinstance(error, ImproperlyConfigured):
        return _("correct the setting, then: manage.py up")
    if isinstance(error, Error):
        return _of_database(getattr(error.__cause__, "sqlite_errorcode", None))
    if isinstance(error, InboxAway | OSError):
        return _room()
    return _("manage.py setup, then: manage.py up")


def _of_database(code: int | None) -> str:
    """Return what mends a database that SQLite refuses with this code; None: it is not SQLite's."""
    if code is None:
        return _("start the database that FILROUGE_DATABASE_URL names")
    if code & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:  # the rest is detail
        return "manage.py restore DIRECTORY"
    if code & 0xFF == sqlite3.SQLITE_ERROR:
        return "manage.py setup"
    return _room()


def _room() -> str:
    return _("see that there is room in %(directory)s and that it may be written") % {
        "directory": settings.DATA_DIR
    }
