"""The columns of the graph's tables with their types, named once for who records rows and for who copies them.

In the order of StoredIdentifier, StoredTouchpoint and StoredLink. Left out is what a row is referred to by: its own id, and a touchpoint's
owner or a link's ends, which are ids in the tables and keys in a copy.
"""

from collections.abc import Mapping

IDENTIFIER: Mapping[str, str] = {
    "key": "text",
    "kind": "text",
    "first_number": "bigint",
    "degree": "bigint",
    "quarantined": "boolean",
    "turned": "bigint",
}
TOUCHPOINT: Mapping[str, str] = {
    "number": "bigint",
    "uid": "text",
    "source": "bigint",
    "at": "bigint",
    "received_at": "bigint",
    "aside": "boolean",
    "body": "text",
}
LINK: Mapping[str, str] = {
    "source": "bigint",
    "first_seen": "bigint",
    "last_seen": "bigint",
    "count": "bigint",
    "same": "boolean",
    "strength": "double precision",
    "conducts": "boolean",
    "first_number": "bigint",
}


def names(columns: Mapping[str, str], table: str = "") -> str:
    """Return the names for a statement, each with its table where one is given."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{name}" for name in columns)
