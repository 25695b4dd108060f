"""The two ASGI applications of the collector process: the public port and the loopback door."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from identity import faults
from identity.clock import Instant
from identity.touchpoints.collector import http
from identity.touchpoints.collector.collection import SUCCESS, Collection, Handler, not_found
from identity.touchpoints.collector.http import App, Problem, Request, reply_json
from identity.touchpoints.collector.intake import Intake, away, check_utf8, malformed
from identity.touchpoints.payload import Envelope
from identity.touchpoints.public import Call, InboxAway, Read, Reply, Route
from identity.touchpoints.types import Mode

log = logging.getLogger(__name__)

INNER_BODY = 32 * 1024 * 1024  # bytes; imports send rows of up to 32 KB by the hundred


class Delivery(msgspec.Struct, rename="camel"):
    """What comes through the loopback door. Without a source the events are the product's own."""

    events: list[msgspec.Raw]
    source: int | None = None
    mode: Mode = Mode.LIVE


@dataclass(frozen=True)
class Table:
    """Which handler answers which request."""

    exact: Mapping[tuple[str, str], Handler]
    prefixes: Sequence[tuple[tuple[str, str], Handler]]

    @classmethod
    def of(
        cls, exact: Mapping[tuple[str, str], Handler], prefixes: Mapping[tuple[str, str], Handler]
    ) -> "Table":
        """Make a table that looks at longer prefixes first."""
        longest_first = sorted(prefixes.items(), key=lambda item: -len(item[0][1]))
        return cls(exact, longest_first)

    def find(self, method: str, path: str) -> Handler:
        """Return the handler; an address may end in a slash too many. Raises Problem."""
        asked = "GET" if method == "HEAD" else method
        for each in (path, path.rstrip("/")):
            if (asked, each) in self.exact:
                return self.exact[asked, each]
        for (offered, prefix), handler in self.prefixes:
            if offered == asked and path.startswith(prefix):
                return handler
        allowed = self._methods(path)
        if allowed:
            raise Problem(
                405, "method_not_allowed", "the address is used otherwise", {"Allow": allowed}
            )
        raise not_found()

    def _methods(self, path: str) -> str:
        exact = {method for method, known in self.exact if known == path.rstrip("/")}
        inside = {method for (method, prefix), _ in self.prefixes if path.startswith(prefix)}
        return ", ".join(sorted(exact | inside))


def application(table: Table) -> App:
    """Return the ASGI application of a table. Nothing a client sends makes it fail; a fault of ours is logged."""

    async def app(scope: http.Scope, receive: http.Receive, send: http.Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope["method"], scope["path"], scope, receive, dict(scope["headers"]))
        await http.send_reply(send, await _reply(table, request), request)

    return app


async def _reply(table: Table, request: Request) -> Reply:
    try:
        if request.method == "OPTIONS":
            return http.preflight(request)
        return await table.find(request.method, request.path)(request)
    except Problem as problem:
        return problem.reply()
    except InboxAway:
        return away().reply()
    except (
        ValueError
    ) as error:  # what no handler foresaw in the input, such as a thousand query fields
        log.warning("Bad input at %s: %s", request.path.split("/")[1][:20], type(error).__name__)
        return Problem(400, "invalid_request", "the request cannot be read").reply()
    except Exception as error:  # noqa: BLE001 - whoever sent it is answered
        log.error("A request failed: %s", faults.traced(error))  # noqa: TRY400
        return Problem(500, "fault", "this is our fault, and logged").reply()


def public(
    collection: Collection, routes: Sequence[Route], read: Read, clock: Callable[[], Instant]
) -> Table:
    """Return what the public port answers: collection, health and what the floors offer."""
    exact = {**collection.exact(), ("GET", "/health"): _alive}
    prefixes = dict(collection.prefixes())
    for route in routes:
        handler = _offered(route, collection.intake, read, clock)
        for method in route.methods:
            (prefixes if route.path.endswith("/") else exact)[method, route.path] = handler
    return Table.of(exact, prefixes)


async def _alive(_request: Request) -> Reply:
    return reply_json({"status": "ok"})


def _offered(route: Route, intake: Intake, read: Read, clock: Callable[[], Instant]) -> Handler:
    async def handle(request: Request) -> Reply:
        call = Call(
            method=request.method,
            path=request.path,
            query=request.query,
            headers={
                name.decode("latin-1"): value.decode("latin-1")
                for name, value in request.headers.items()
            },
            body=await request.body(),
            now=clock(),
            record=intake.record,
            read=read,
        )
        return await route.handle(call)

    return handle


def inner(intake: Intake, token: str) -> App:
    """Return the application of the loopback door. `token` is the bearer token of the installation."""
    wanted = f"Bearer {token}".encode()

    def guarded(handler: Handler) -> Callable[[Request], Awaitable[Reply]]:
        async def handle(request: Request) -> Reply:
            if not hmac.compare_digest(request.headers.get(b"authorization", b""), wanted):
                raise Problem(401, "invalid_token", "the door's token is wrong")
            return await handler(request)

        return handle

    async def post(request: Request) -> Reply:
        return await _deliver(intake, await request.body(INNER_BODY))

    async def health(_request: Request) -> Reply:
        waiting = intake.committer.waiting
        room = intake.committer.has_room(Mode.LIVE)
        return reply_json({"live": waiting.live, "history": waiting.history, "room": room})

    exact = {("POST", "/touchpoints"): guarded(post), ("GET", "/health"): guarded(health)}
    return application(Table.of(exact, {}))


async def _deliver(intake: Intake, body: bytes) -> Reply:
    check_utf8(body)
    try:
        delivery = msgspec.json.decode(body, type=Delivery)
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(error) from error
    source = intake.own if delivery.source is None else delivery.source
    origin = await intake.keyring.source(source)
    if origin is None:
        raise Problem(404, "no_such_source", f"there is no source {source}")
    taken = await intake.take(
        delivery.events, origin, Envelope(), mode=delivery.mode, trusted=True
    )
    if not taken.errors:
        return SUCCESS
    return reply_json({"success": True, "errors": taken.errors})
