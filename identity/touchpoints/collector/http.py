"""What the collector needs of HTTP: requests read within limits, replies that every client library understands.

Success is exactly 200. An error body has both `code` and `message`: some libraries retry for ever without them.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from identity.touchpoints.public import Reply

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 4 * 1024 * 1024  # bytes, as sent and decompressed
MOST_FIELDS = 1000  # of a query string
REMEMBERED = 900  # seconds for which browsers may remember the answer to a preflight
_DRAINED = 16 * LARGEST_BODY  # what is read and thrown away so that the client sees the answer
MOST_MEMBERS = 100  # of a gzip file: each is looked for in what is left of it
_IN_LOOP = 64 * 1024  # compressed bytes; more is decompressed in a thread
_GZIP = b"\x1f\x8b"
_JSON = "application/json"


class Problem(Exception):
    """A request that is answered with an error: a stable code, and a message that says what to do."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}

    def reply(self) -> Reply:
        body = {"success": False, "code": self.code, "message": self.message}
        return reply_json(body, status=self.status, headers=self.headers)


def reply_json(
    value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    return Reply(status, msgspec.json.encode(value), {"Content-Type": _JSON, **(headers or {})})


@dataclass(slots=True)
class Request:
    """One request. `headers` have names in lower case; the body is read on demand."""

    method: str
    path: str
    scope: Scope
    receive: Receive
    headers: Mapping[bytes, bytes]
    _query: dict[str, str] | None = field(default=None)

    @property
    def query(self) -> Mapping[str, str]:
        """The query string; of a name that comes twice the last value, undecodable bytes replaced."""
        if self._query is None:
            text = self.scope["query_string"].decode("latin-1")
            self._query = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
        return self._query

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")

    async def body(self, largest: int = LARGEST_BODY) -> bytes:
        """Read and decompress the body. Raises Problem when it is too large or is not what it says."""
        sent = await self._read(largest)
        encoding = self.header(b"content-encoding").strip().lower()
        if encoding in {"gzip", "x-gzip"} or (not encoding and sent.startswith(_GZIP)):
            return await _inflated(sent, 16 + zlib.MAX_WBITS, largest)
        if encoding == "deflate":
            return await _inflated(sent, zlib.MAX_WBITS, largest)
        if encoding not in {"", "identity"}:
            raise Problem(415, "unsupported_encoding", "send the body as it is, or with gzip")
        return sent

    async def _read(self, largest: int) -> bytes:
        message = await self.receive()
        first: bytes = message.get("body", b"")
        if not message.get("more_body") and len(first) <= largest:
            return first
        parts, size = [first], len(first)
        while message.get("more_body") and size <= _DRAINED:
            message = await self.receive()
            size += len(message.get("body", b""))
            if size <= largest:
                parts.append(message.get("body", b""))
        if size > largest:
            raise _too_large(largest)
        return b"".join(parts)


def _too_large(largest: int) -> Problem:
    return Problem(
        413,
        "too_large",
        f"the body is larger than {largest} bytes; send smaller batches",
        {"Connection": "close"},
    )


async def _inflated(sent: bytes, bits: int, largest: int) -> bytes:
    if len(sent) <= _IN_LOOP:
        return _inflate(sent, bits, largest)
    return await asyncio.to_thread(_inflate, sent, bits, largest)


def _inflate(sent: bytes, bits: int, largest: int) -> bytes:
    """Decompress, never more than `largest` bytes: a bomb is refused before it grows."""
    parts: list[bytes] = []
    room = largest + 1
    while sent and room:  # gzip may come in several members (RFC 1952, 2.2)
        if len(parts) == MOST_MEMBERS:
            raise Problem(400, "bad_compression", f"gzip has more than {MOST_MEMBERS} members")
        machine = zlib.decompressobj(bits)
        try:
            parts.append(machine.decompress(sent, room))
        except zlib.error as error:
            raise Problem(400, "bad_compression", "the body is not valid gzip") from error
        room -= len(parts[-1])
        if room and not machine.eof:
            raise Problem(400, "bad_compression", "the compressed body ends too early")
        sent = machine.unused_data.lstrip(b"\0")  # members may be padded
    if not room:
        raise _too_large(largest)
    return b"".join(parts)


# --- Replies ------------------------------------------------------------------------------------------------------------

_PREFLIGHT = (
    "Authorization, Content-Type, X-Write-Key, X-Strict-Mode, X-Retry-Count, AnonymousId, SentAt"
)


def preflight(request: Request) -> Reply:
    """Allow what the browser asks for: write keys are public and nothing here depends on cookies."""
    wanted = request.header(b"access-control-request-headers")
    headers = {
        "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
        "Access-Control-Allow-Headers": wanted or _PREFLIGHT,
        "Access-Control-Max-Age": str(REMEMBERED),
    }
    return Reply(200, b"", headers)


async def send_reply(send: Send, reply: Reply, request: Request) -> None:
    """Send a reply, with the headers that let a page of another origin read it."""
    headers = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()
    ]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    origin = request.headers.get(b"origin")
    if origin is not None:
        headers += [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"Retry-After, X-RateLimit-Reset"),
            (b"vary", b"Origin"),
        ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if request.method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})
