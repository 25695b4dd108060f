"""Empties SQLite's write-ahead log: deleted content is zeroed in the database file, but its old pages lie in the log until it is reused."""

from django.db import connection


def truncate() -> bool:
    """Copy the log into the database and cut it to nothing; False: somebody reads, so try again. True where there is no such log."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        busy, _, _ = cursor.fetchone()
    return not busy
