"""Addresses of servers, as the settings and `move_store` take them."""

from typing import Any
from urllib.parse import unquote, urlsplit

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


def postgresql(url: str, variable: str) -> dict[str, Any]:
    """Return what Django wants to know of a database. Raises ImproperlyConfigured, naming the variable and not the URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"{variable} must read postgresql://user:password@host:port/name"
        )
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {"options": _PLANS, **_GIVE_UP},
    }


def neo4j(url: str, database: str, variable: str) -> dict[str, Any]:
    """Return the graph store on a Neo4j server. Raises ImproperlyConfigured."""
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme.split("+")[0] not in {"bolt", "neo4j"}:
        raise ImproperlyConfigured(
            f"{variable} must read bolt://user:password@host:port, or the same with bolt+s, neo4j or neo4j+s"
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
