"""Whether anybody waits for the lane."""

from django.db import connections

from dmp_site.sqlite.base import DatabaseWrapper


def awaited() -> bool:
    """Tell whether another writer waits for the transaction that is open now. On PostgreSQL writers do not wait for each other."""
    database = connections["default"]
    return isinstance(database, DatabaseWrapper) and database.awaited()
