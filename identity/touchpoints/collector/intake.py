"""Takes events in: from a body to rows that are on the disk, and the answer that says which were not taken."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec

from identity.clock import Instant
from identity.touchpoints.collector import events
from identity.touchpoints.collector.commits import Committer, TooMuch
from identity.touchpoints.collector.events import Checked, Id, Refused
from identity.touchpoints.collector.http import Problem
from identity.touchpoints.collector.keyring import Keyring, Origin
from identity.touchpoints.inbox.port import InboxAway, NewRow
from identity.touchpoints.payload import Envelope, pack
from identity.touchpoints.times import happened
from identity.touchpoints.types import Mode

WAIT = 5  # seconds after which a sender who was told to wait may come again
MOST_SHARED = 16 * 1024 * 1024  # bytes that a batch's context may come to, copied into each event
_BREATH = 64 * 1024  # bytes of a large batch after which other requests get a turn
_LEAST = 320  # bytes that an event counts for at least


class Batch(msgspec.Struct, rename="camel"):
    """The body of a batch: its events as they came."""

    batch: list[msgspec.Raw]
    write_key: str | None = None
    sent_at: Id = None
    timestamp: Id = None
    context: msgspec.Raw = msgspec.Raw(b"null")

    def envelope(self) -> Envelope:
        """Return what the events share. Raises Problem."""
        if memoryview(self.context).nbytes > events.LARGEST:
            raise _context_too_large()
        try:
            context = _decode_context(self.context)
        except (msgspec.DecodeError, RecursionError) as error:
            raise malformed(error) from error
        return Envelope(sent_at=self.sent_at, timestamp=self.timestamp, context=context)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many events came, and which were not taken: (position, code, message)."""

    received: int
    errors: Sequence[tuple[int, str, str]]


_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_context = msgspec.json.Decoder(dict[str, Any] | None).decode

_HEX = rb"[0-9a-fA-F]{2}"
_HIGH, _LOW = rb"u[dD][89abAB]" + _HEX, rb"u[dD][c-fC-F]" + _HEX
# Surrogates in escapes, behind backslashes that are escaped themselves: a whole pair (group 2), or half of one.
_SURROGATES = re.compile(
    rb"\\(?<!\\\\)((?:\\\\)*+)(?:(%b\\%b)|%b|%b)" % (_HIGH, _LOW, _HIGH, _LOW)
)


async def read_batch(body: bytes) -> Batch:
    """Parse the body of a batch. Raises Problem."""
    check_utf8(body)
    try:
        batch = _decode_batch(body)
    except (msgspec.DecodeError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError) or b"\\ud" not in body.lower():
            raise malformed(error) from error
        batch = await asyncio.to_thread(_without_half_pairs, body)
    if len(batch.batch) > events.MOST:
        raise Problem(
            413,
            "too_many_events",
            f"a batch holds at most {events.MOST} events; send smaller ones",
        )
    return batch


def _without_half_pairs(body: bytes) -> Batch:
    """Parse a batch with NUL for each half of a surrogate pair, so that only the events that hold one are refused. Raises Problem."""
    try:
        return _decode_batch(_SURROGATES.sub(_whole, body))
    except (msgspec.DecodeError, RecursionError) as error:
        raise malformed(error) from error


def _whole(found: re.Match[bytes]) -> bytes:
    return found[0] if found[2] else b"\\" + found[1] + b"u0000"


def check_utf8(body: bytes) -> None:
    """Raise Problem unless the body is UTF-8. JSON decoders do not look into what they skip."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "invalid_utf8", "the body is not UTF-8") from error


def malformed(error: Exception) -> Problem:
    if isinstance(error, RecursionError):
        return Problem(400, "too_deep", "the body is nested too deep")
    if isinstance(error, msgspec.ValidationError):
        return Problem(400, "invalid_body", f"the body is no batch of events: {error}")
    return Problem(400, "invalid_json", f"the body is not valid JSON: {error}")


@dataclass(frozen=True)
class Intake:
    """Checks events, stores what is taken, counts what is not."""

    committer: Committer
    keyring: Keyring
    own: int  # the product's own source
    retention: Instant = 0  # how long ago an event may have happened; 0: as long as it likes

    async def take(
        self,
        raw: Sequence[bytes | msgspec.Raw],
        origin: Origin | None,
        envelope: Envelope,
        *,
        mode: Mode = Mode.LIVE,
        trusted: bool = False,
    ) -> Taken:
        """Store the events durably. Without an origin each event's own write key says whose it is. Raises Problem."""
        header = _header(envelope, len(raw))
        now = self.committer.clock()
        asked = self.keyring.clock()
        rows: list[NewRow] = []
        errors: list[tuple[int, str, str]] = []
        since = 0
        for position, each in enumerate(map(bytes, raw)):
            since += max(len(each), _LEAST)
            if since > _BREATH:
                since = 0
                await asyncio.sleep(0)
            whose = origin
            try:
                event = events.check(each, envelope.type, shared=len(header), trusted=trusted)
                whose = origin or await self._owner(event.write_key, asked)
                self._check_age(event, envelope, now)
            except Refused as refused:
                errors.append((position, refused.code, refused.message))
                if whose is not None:
                    self.committer.refuse(whose.source, refused.code, refused.message)
            else:
                rows.append(NewRow(whose.source, mode, pack(header, event.raw, event.given)))
        await self._store(rows)
        return Taken(len(raw), errors)

    async def record(self, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Store touchpoints of the product's own (see public.Call.record). Raises InboxAway."""
        header = msgspec.json.encode(Envelope())
        rows = [
            NewRow(
                self.own,
                Mode.LIVE,
                pack(
                    header,
                    msgspec.json.encode(each),
                    "" if each.get("messageId") else str(uuid4()),
                ),
            )
            for each in payloads
        ]
        try:
            await self.committer.submit(rows)
        except TooMuch as error:
            raise InboxAway("too many touchpoints wait") from error

    def _check_age(self, event: Checked, envelope: Envelope, now: Instant) -> None:
        """Refuse what happened beyond the retention: the ids of its like may be forgotten, so that it could count twice."""
        if not self.retention:
            return
        original, sent = event.original or envelope.timestamp, event.sent or envelope.sent_at
        at, _ = happened(original, sent, now)
        if at < now - self.retention:
            raise Refused("too_old")

    async def _owner(self, write_key: str | None, asked: Instant) -> Origin:
        found = await self.keyring.find(write_key, asked) if write_key else None
        if found is None or not found.enabled:
            raise Refused(events.NO_KEY)
        return found

    async def _store(self, rows: Sequence[NewRow]) -> None:
        try:
            await self.committer.submit(rows)
        except TooMuch as error:
            raise Problem(
                429,
                "too_many_waiting",
                "more touchpoints wait than this installation takes in; come again later",
                {"Retry-After": str(WAIT), "X-RateLimit-Reset": str(WAIT)},
            ) from error
        except InboxAway as error:
            raise away() from error


def _header(envelope: Envelope, count: int) -> bytes:
    """Return what each of the events gets of its batch. Raises Problem when that is no good, or grows too large."""
    header = msgspec.json.encode(envelope)
    if len(header) * count > MOST_SHARED:
        raise _context_too_large()
    try:
        events.check_form(header)
    except Refused as refused:
        raise Problem(400, "bad_context", f"the batch's context: {refused.message}") from refused
    return header


def _context_too_large() -> Problem:
    return Problem(
        413,
        "context_too_large",
        "the context of the batch goes to each of its events; send less of it, or fewer events",
    )


def away() -> Problem:
    return Problem(
        503,
        "inbox_away",
        "touchpoints cannot be stored just now; send the same again, with the same messageId",
        {"Retry-After": str(WAIT)},
    )
