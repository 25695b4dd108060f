"""The properties of nodes and links in Neo4j, named once for who records them, who reads them and who copies them.

In the order of StoredIdentifier, StoredTouchpoint and StoredLink, without keys and bodies. Whether a link conducts is its type, and
whether a touchpoint is set aside a label.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from identity.touchpoints.types import Identifier, Touchpoint

IDENTIFIER = ("kind", "first_number", "degree", "quarantined", "turned")
TOUCHPOINT = ("number", "id", "source", "at", "received")
KINDS = ("LINKED", "GROUPED", "DECIDED")  # types of links
LINK = ("source", "first_seen", "last_seen", "count", "same", "strength", "first_number")


def kind_of(source: int, *, conducts: bool) -> str:
    """Return the type of a link: LINKED conducts; GROUPED is a household's, DECIDED keeps apart."""
    if conducts:
        return "LINKED"
    return "GROUPED" if source > 0 else "DECIDED"


def listed(variable: str, properties: Collection[str]) -> str:
    """Return the properties of a variable, for a list in a statement."""
    return ", ".join(f"{variable}.{name}" for name in properties)


def assigned(variable: str, properties: Collection[str]) -> str:
    """Return the assignments that take the properties from the map `row`."""
    return ", ".join(f"{variable}.{name} = row.{name}" for name in properties)


def touchpoint_row(touchpoint: Touchpoint, body: str) -> dict[str, Any]:
    """Return the properties of a node. `body` holds the whole touchpoint; the others are there to be found and read by."""
    return {
        "id": touchpoint.id,
        "number": touchpoint.number,
        "source": touchpoint.source,
        "at": touchpoint.at,
        "received": touchpoint.received_at,
        "owner": touchpoint.owner.key if touchpoint.owner else None,
        "type": touchpoint.type,
        "event": touchpoint.event,
        "channel": touchpoint.channel,
        "body": body,
    }


def identifier_row(identifier: Identifier, values: Sequence[Any]) -> list[Any]:
    """Return key, namespace and the values of IDENTIFIER, as the statement IDENTIFIERS of neo4j_recording takes them."""
    return [identifier.key, identifier.namespace, *values]


def link_row(a: Identifier, b: Identifier, values: Sequence[Any]) -> dict[str, Any]:
    """Return the ends, the key and the values of LINK."""
    found = dict(zip(LINK, values, strict=True))
    return {"a": a.key, "b": b.key, "key": _link_key(a, b, found["source"]), **found}


def _link_key(a: Identifier, b: Identifier, source: int) -> str:
    """Return the key of a link: SHA-256 of the length-prefixed triple, in hex."""
    parts = [part.encode() for part in (a.key, b.key, str(source))]
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()
