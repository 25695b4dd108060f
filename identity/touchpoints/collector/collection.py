"""The addresses of collection: Segment's, RudderStack's and Jitsu's, each with its ways to say who sends."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from identity.touchpoints.collector import documents
from identity.touchpoints.collector.events import DEEPEST, NO_KEY, TYPES, Id
from identity.touchpoints.collector.http import Problem, Request, reply_json
from identity.touchpoints.collector.intake import (
    Intake,
    Taken,
    away,
    check_utf8,
    malformed,
    read_batch,
)
from identity.touchpoints.collector.keyring import Origin
from identity.touchpoints.payload import Envelope
from identity.touchpoints.public import InboxAway, Reply

Handler = Callable[[Request], Awaitable[Reply]]
SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}
SUCCESS = reply_json({"success": True})
_GIF = base64.b64decode(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class _Single(msgspec.Struct, rename="camel"):
    """What a call of one event says about its request."""

    type: str | None = None
    write_key: str | None = None
    sent_at: Id = None


class _KeyAlone(msgspec.Struct, rename="camel"):
    """What is read of a call whose other fields have wrong types, so that its source is told."""

    write_key: str | None = None


@dataclass(frozen=True)
class Collection:
    """Handlers by address. `url` is how the world reaches this collector."""

    intake: Intake
    url: str

    def exact(self) -> Mapping[tuple[str, str], Handler]:
        """Return the handlers of fixed addresses."""
        batch = ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch", "/batch")
        found: dict[tuple[str, str], Handler] = {("POST", path): self.batch for path in batch}
        for type_ in TYPES:
            found["POST", f"/v1/{type_}"] = self._single(type_)
        for letter, type_ in SHORT.items():
            found["POST", f"/v1/{letter}"] = self._single(type_)
        found["POST", "/v1/m"] = self.metrics
        found["GET", "/sourceConfig"] = self.source_config
        return found

    def prefixes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the handlers of addresses that begin like this."""
        return {
            ("POST", "/api/s/s2s/"): self.jitsu,
            ("POST", "/api/s/"): self.jitsu,
            ("GET", "/v1/pixel/"): self.pixel,
            ("GET", "/pixel/v1/"): self.pixel,
            ("GET", "/v1/projects/"): self.project,
        }

    # --- Events ---

    async def batch(self, request: Request) -> Reply:
        batch = await read_batch(await request.body())
        origin = await self._origin(request, batch.write_key, several=True)
        taken = await self.intake.take(batch.batch, origin, batch.envelope())
        nobodys = sum(code == NO_KEY for _, code, _ in taken.errors)
        if origin is None and nobodys == taken.received:
            raise _invalid_key()  # no source's page would show them
        return _answer(taken, request)

    def _single(self, type_: str) -> Handler:
        async def handle(request: Request) -> Reply:
            return _answer(await self._one(request, await request.body(), type_), request)

        return handle

    async def jitsu(self, request: Request) -> Reply:
        """Take one event as Jitsu's library sends it; `event` in the address leaves its type to the body."""
        type_ = request.path.rsplit("/", 1)[1]
        taken = await self._one(
            request, await request.body(), None if type_ == "event" else SHORT.get(type_, type_)
        )
        return _answer(taken, request, detailed=True)

    async def _one(self, request: Request, body: bytes, type_: str | None) -> Taken:
        check_utf8(body)
        try:
            said = msgspec.json.decode(body, type=_Single)
        except msgspec.ValidationError:
            said = _Single(write_key=_key_alone(body))  # refused as an event, with the field
        except (msgspec.DecodeError, RecursionError) as error:
            raise malformed(error) from error
        origin = await self._origin(request, said.write_key)
        return await self.intake.take([body], origin, Envelope(type=type_))

    async def metrics(self, request: Request) -> Reply:
        """Drop what libraries report about themselves."""
        await request.body()
        return SUCCESS

    # --- Pixels ---

    async def pixel(self, request: Request) -> Reply:
        """Answer with a picture, always; its status is 200 only when the touchpoint is on the disk.

        Otherwise it says why: 503 when it could not be stored, be it that too many wait, 4xx when the sender is at fault. HEAD asks for no touchpoint.
        """
        headers = {"Content-Type": "image/gif", "Cache-Control": "no-store"}
        if request.method == "HEAD":
            return Reply(405, _GIF, {**headers, "Allow": "GET"})
        try:
            type_ = request.path.rsplit("/", 1)[1]
            body = _pixel_event(request)
            taken = await self._one(request, body, SHORT.get(type_, type_))
        except Problem as problem:
            at_fault = problem.status != HTTPStatus.TOO_MANY_REQUESTS
            status = problem.status if at_fault else HTTPStatus.SERVICE_UNAVAILABLE
            return Reply(status, _GIF, {**headers, **problem.headers})
        except ValueError:  # more fields than a query string may have
            return Reply(400, _GIF, headers)
        return Reply(400 if taken.errors else 200, _GIF, headers)

    # --- Documents ---

    async def project(self, request: Request) -> Reply:
        """Answer GET /v1/projects/{writeKey}/settings."""
        write_key, _, rest = request.path.removeprefix("/v1/projects/").partition("/")
        if rest != "settings":
            raise not_found()
        origin = await self.intake.keyring.find(write_key)
        if origin is None or not origin.enabled:
            raise not_found()
        return documents.segment_settings(write_key, self.url)

    async def source_config(self, request: Request) -> Reply:
        origin = await self._origin(request, None)
        assert origin is not None  # noqa: S101 - only batches may leave it open
        return documents.rudder_config(_named_key(request) or "", origin)

    # --- Who sends ---

    async def _origin(
        self, request: Request, in_body: str | None, *, several: bool = False
    ) -> Origin | None:
        """Return who sends; None when the events of a batch say so themselves. Raises Problem."""
        write_key = _named_key(request) or in_body or _bearer(request)
        if not write_key:
            if several:
                return None
            raise _invalid_key()
        try:
            found = await self.intake.keyring.find(write_key)
        except InboxAway as error:
            raise away() from error
        if found is None:
            raise _invalid_key()
        if not found.enabled:
            raise Problem(404, "source_disabled", "source is disabled")
        return found


def _key_alone(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_KeyAlone).write_key
    except msgspec.ValidationError:
        return None


def not_found() -> Problem:
    return Problem(404, "not_found", "there is nothing at this address")


def _invalid_key() -> Problem:
    return Problem(401, "invalid_write_key", "invalid write key")


def _named_key(request: Request) -> str | None:
    """Return the write key of the headers or the query string."""
    scheme, _, token = request.header(b"authorization").partition(" ")
    basic = _basic(token) if scheme.lower() == "basic" else None
    key = basic or request.header(b"x-write-key").split(":")[0]
    return key or request.query.get("writeKey") or None


def _basic(token: str) -> str | None:
    """Read `base64(key:)`; the colon and the padding may be missing."""
    padded = token.strip() + "=" * (-len(token.strip()) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode().split(":")[0] or None
    except (binascii.Error, ValueError):
        return None


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.header(b"authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _pixel_event(request: Request) -> bytes:
    """Return the JSON that the query string carries: `data` in base64, else its fields (`properties.x=…`)."""
    encoded = request.query.get("data")
    if encoded is not None:
        text = encoded.replace(" ", "+").replace("-", "+").replace("_", "/")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError) as error:
            raise Problem(400, "invalid_data", "`data` is not base64") from error
    event: dict[str, Any] = {}
    for name, value in request.query.items():
        if name != "writeKey":
            _put(event, name.split("."), value)
    _put(event, ["context", "userAgent"], request.header(b"user-agent"))
    return msgspec.json.encode(event)


def _put(event: dict[str, Any], path: list[str], value: str) -> None:
    """Set a field deep inside; what contradicts an earlier field is left out. Raises Problem for one that is too deep."""
    if len(path) > DEEPEST:
        raise Problem(400, "too_deep", f"a field lies deeper than {DEEPEST} levels")
    for name in path[:-1]:
        inner = event.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        event = inner
    event.setdefault(path[-1], value)


def _answer(taken: Taken, request: Request, *, detailed: bool = False) -> Reply:
    """Say 200 although events were refused, as Segment does, unless the sender wants to be told (X-Strict-Mode: 1)."""
    if not taken.errors and not detailed:
        return SUCCESS
    strict = request.headers.get(b"x-strict-mode") == b"1"
    if strict and taken.errors:
        return reply_json({"success": False, **_first(taken), **_counts(taken)}, status=400)
    return reply_json({"success": True, **_counts(taken)})


def _first(taken: Taken) -> dict[str, str]:
    _, code, message = taken.errors[0]
    return {"code": code, "message": message}


def _counts(taken: Taken) -> dict[str, Any]:
    return {
        "ok": not taken.errors,
        "receivedEvents": taken.received,
        "okEvents": taken.received - len(taken.errors),
        "errors": [
            {"index": position, "code": code, "message": message}
            for position, code, message in taken.errors
        ],
    }
