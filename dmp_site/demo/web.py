"""A small ASGI server for the demo's pages: GET only, no outside host."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    content_type: str = HTML
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; `headers` have names in lower case."""

    path: str
    headers: Mapping[str, str]


Answer = Callable[[Ask], Coroutine[Any, Any, Page]]


def json(value: object, status: int = HTTPStatus.OK) -> Page:
    """Answer with JSON that no one may keep."""
    body = msgspec.json.encode(value)
    return Page(body, "application/json", status, {"cache-control": "no-store"})


NOT_FOUND = Page(b"<h1>Not found</h1>", status=HTTPStatus.NOT_FOUND)


def application(answer: Answer, policy: str) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Make an ASGI application. `policy` is the Content-Security-Policy of every answer that brings none of its own."""

    async def asgi(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if scope["method"] not in {"GET", "HEAD"}:
            page = Page(b"", status=HTTPStatus.METHOD_NOT_ALLOWED)
        else:
            page = await answer(Ask(scope["path"], headers))
        sent = {
            "content-type": page.content_type,
            "content-length": str(len(page.body)),
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            **page.headers,
        }
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": page.status, "headers": encoded})
        body = b"" if scope["method"] == "HEAD" else page.body
        await send({"type": "http.response.body", "body": body})

    return asgi


def serve(asgi: Callable[..., Awaitable[None]], bind: str, stop: threading.Event) -> None:
    """Serve until told to stop."""
    asyncio.run(_serve(asgi, bind, stop))


async def _serve(asgi: Callable[..., Awaitable[None]], bind: str, stop: threading.Event) -> None:
    host, _, port = bind.rpartition(":")
    config = uvicorn.Config(
        asgi,
        host=host,
        port=int(port),
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not stop.is_set() and not serving.done():
        await asyncio.sleep(0.1)
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves signals to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
