"""What mends the cause of an error that kept a check from being carried out."""

import sqlite3

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.utils.translation import gettext as _

from identity.outage import sqlstate
from identity.touchpoints.inbox.port import InboxAway

_NO_TABLE = "42P01"


def mend(error: Exception) -> str:
    """Return what mends the cause of an error that kept a check from being carried out."""
    if isinstance(error, ImproperlyConfigured):
        return _("correct the setting, then: manage.py up")
    if isinstance(error, InboxAway) and isinstance(error.__cause__, Error):
        return mend(error.__cause__)  # an inbox in the database
    if isinstance(error, Error):
        code = getattr(error.__cause__, "sqlite_errorcode", None)
        return _of_server(sqlstate(error)) if code is None else _of_file(code)
    if isinstance(error, InboxAway | OSError):
        return _room()
    return _("manage.py setup, then: manage.py up")


def restore() -> str:
    """Return what brings a backup back."""
    if connection.vendor == "sqlite":
        return "manage.py restore DIRECTORY"
    return _("restore the whole database from one dump (pg_restore), then: manage.py up")


def _of_server(state: str) -> str:
    """Return what mends a database whose server says this SQLSTATE, or nothing at all."""
    if state == _NO_TABLE:
        return "manage.py setup"
    if state.startswith("53"):
        return _("see that PostgreSQL has room on its disk, memory and free connections")
    return _("start the database that FILROUGE_DATABASE_URL names")


def _of_file(code: int) -> str:
    """Return what mends a database that SQLite refuses with this code."""
    if code & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:  # the rest is detail
        return restore()
    if code & 0xFF == sqlite3.SQLITE_ERROR:
        return "manage.py setup"
    return _room()


def _room() -> str:
    return _("see that there is room in %(directory)s and that it may be written") % {
        "directory": settings.DATA_DIR
    }
