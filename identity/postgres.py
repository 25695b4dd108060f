"""PostgreSQL connections of our own, beside Django's: Django closes and silently reopens its connections, and locks would go with them."""

from collections.abc import Mapping
from typing import Any

from django.db import connections

try:
    from psycopg import Connection as _Connection
    from psycopg import Error as Error  # noqa: PLC0414 - handed on
    from psycopg import InterfaceError as InterfaceError  # noqa: PLC0414
    from psycopg import OperationalError as OperationalError  # noqa: PLC0414
except ImportError:  # an embedded installation has no need of it

    class Error(Exception):  # type: ignore[no-redef]
        """Never raised: nothing connects."""

    class InterfaceError(Error):  # type: ignore[no-redef]
        """Neither."""

    class OperationalError(Error):  # type: ignore[no-redef]
        """Neither."""


Connection = Any  # psycopg.Connection, where psycopg is installed

_DJANGOS = (
    "context",
    "cursor_factory",
    "prepare_threshold",
)  # what only Django's own cursors need


def connect(name: str, *, using: str = "default") -> Connection:
    """Open a connection to the database of this alias, in autocommit mode; `name` is shown by pg_stat_activity. Raises Error."""
    parameters = connections[using].get_connection_params()
    for each in _DJANGOS:
        parameters.pop(each, None)
    parameters["application_name"] = name
    return _Connection.connect(**parameters, autocommit=True)


def connect_to(settings: Mapping[str, Any], name: str) -> Connection:
    """Open a connection to a database that is none of Django's; `settings` are as Django has them. Raises Error."""
    given = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    parameters = {key: value for key, value in given.items() if value} | settings["OPTIONS"]
    return _Connection.connect(**parameters, application_name=name, autocommit=True)
