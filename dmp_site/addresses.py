"""Addresses of servers, as the settings and `move_store` take them."""

from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# Arrays of a batch are parts of the statement, so that each plan knows how many rows they bring. Statements that are over in milliseconds
# are compiled to machine code for longer than that, as soon as a plan looks dear: a walk through neighbourhoods always does.
_PLANS = "-c plan_cache_mode=force_custom_plan -c jit=off"
# A server that takes a connection and says nothing, and one whose host is gone without a word. Who hangs for longer, answering for
# its host all the while, is found out by deadlines of our own.
_GIVE_UP = {
    "connect_timeout": 5,  # s
    "keepalives_idle": 10,  # s of silence before the host is asked whether it is there
    "keepalives_interval": 5,  # s
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # ms that the host may leave what was sent unacknowledged
}


_ENCODED = "where each @ : / ? # % [ ] of user and password is percent-encoded (p@ss is p%40ss)"


def postgresql(url: str, variable: str) -> dict[str, Any]:
    """Return what Django wants to know of a database. Raises ImproperlyConfigured, naming the variable and not the URL."""
    parts = _read(url, {"postgres", "postgresql"})
    name = parts.path.strip("/") if parts else ""
    # What is behind the first / of a password that is not encoded looks like a name, with an @ in it.
    if parts is None or not name or set("/@") & set(name):
        raise ImproperlyConfigured(
            f"{variable} must read postgresql://user:password@host:port/name, {_ENCODED}"
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(name),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {"options": _PLANS, **_GIVE_UP},
    }


def neo4j(url: str, database: str, variable: str) -> dict[str, Any]:
    """Return the graph store on a Neo4j server. Raises ImproperlyConfigured, naming the variable and not the URL."""
    parts = _read(url, {"bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"})
    if parts is None or not parts.hostname or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"{variable} must read bolt://user:password@host:port, or the same with bolt+s, neo4j or neo4j+s, {_ENCODED}"
        )
    return {
        "BACKEND": "identity.graph.neo4j_store.Neo4jStore",
        "OPTIONS": {
            "url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": database,
        },
    }


def _read(url: str, schemes: set[str]) -> SplitResult | None:
    """Return the parts of an address of such a scheme, None when it is malformed: the errors of urllib quote a piece of the password.

    Nothing follows the path: what would be a query or a fragment is the rest of a password that is not encoded, or asks for what nobody does.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # it is read when it is asked for
    except ValueError:
        return None
    return parts if parts.scheme in schemes and not parts.query and not parts.fragment else None
