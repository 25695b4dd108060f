"""Whether an error of the Django database says that it is away, or finds fault with what was sent.

Django's classes do not tell: PostgreSQL's "index row too long" and "server shut down" both come as OperationalError, and so do SQLite's
"integer overflow" and "database is locked". PostgreSQL's SQLSTATE does (its documentation, appendix A), and SQLite's result code
(sqlite.org/rescode.html). Who waits for a fault in the data waits for ever.
"""

import sqlite3

from django.db import Error, InterfaceError, OperationalError

from identity import postgres

_ABOUT_DATA = {"22", "23", "54"}  # data exception, integrity constraint, program limit exceeded
# A standby that was not promoted yet, and transactions that sat idle or ran too long: Django calls these internal errors.
_AWAY = {"25006", "25P03", "25P04"}
# SQLite's: a statement that cannot be carried out, whenever it is tried. The low byte is the code, the rest detail.
_FAULTS = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_TOOBIG,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_MISUSE,
    sqlite3.SQLITE_RANGE,
}


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's five-character code of an error that Django or psycopg raised, "" when there is none."""
    return str(
        getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None) or ""
    )


def is_outage(error: BaseException) -> bool:
    """Tell whether a database's error will pass: a lost connection, a full disk, a deadlock, a server that shuts down."""
    if not isinstance(error, Error):
        return False
    state = sqlstate(error)
    if isinstance(error, OperationalError | InterfaceError):
        return state[:2] not in _ABOUT_DATA and _sqlite_code(error) not in _FAULTS
    return state in _AWAY


def is_away(error: BaseException) -> bool:
    """Tell the same of errors that connections of our own raise too (`identity.postgres`), which Django did not make its own."""
    if isinstance(error, postgres.OperationalError | postgres.InterfaceError):
        return sqlstate(error)[:2] not in _ABOUT_DATA
    return is_outage(error)


def _sqlite_code(error: Error) -> int:
    """Return SQLite's result code of an error that Django raised, -1 when there is none."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF
