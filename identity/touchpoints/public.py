"""How a floor offers an address on the collector's public port, without knowing the server.

dmp_site.public composes the routes of all floors into one ASGI application.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from identity.clock import Instant
from identity.touchpoints.inbox.port import InboxAway

__all__ = ["Call", "DatabaseAway", "InboxAway", "Read", "Reply", "Route"]

_T = TypeVar("_T")


class DatabaseAway(Exception):
    """The database cannot be read just now: it is away, or does not answer in time."""


class Read(Protocol):
    """Runs a function that reads the database, in a thread of its own. Raises DatabaseAway within a few seconds."""

    async def __call__(self, function: Callable[[], _T], /) -> _T: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers` are sent as they are; Content-Length is added."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose body is read (and decompressed) within the limits.

    `record` stores internal touchpoints durably: Segment-style track payloads whose `context.filrouge.identifiers` lists the
    keys ("namespace:value", normalised already) they belong to. It returns when they are committed; raises InboxAway.
    `read` is the only way to the database: whatever hangs there, the call is answered.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    now: Instant
    record: Callable[[Sequence[Mapping[str, Any]]], Awaitable[None]]
    read: Read


@dataclass(frozen=True, slots=True)
class Route:
    """`path` is exact, or a prefix when it ends in "/"."""

    methods: frozenset[str]
    path: str
    handle: Callable[[Call], Awaitable[Reply]]
