"""Takes events in: from a body to rows that are on the disk, and the answer that says which were not taken."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
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
_BREATH = 200  # events of a large batch after which other requests get a turn


class Batch(msgspec.Struct, rename="camel"):
    """The body of a batch: its events as they came."""

    batch: list[msgspec.Raw]
    write_key: str | None = None
    sent_at: Id = None
    timestamp: Id = None
    context: dict[str, Any] | None = None

    def envelope(self) -> Envelope:
        return Envelope(sent_at=self.sent_at, timestamp=self.timestamp, context=self.context)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many events came, and which were not taken: (position, code, message)."""

    received: int
    errors: Sequence[tuple[int, str, str]]


_decode_batch = msgspec.json.Decoder(Batch).decode


def read_batch(body: bytes) -> Batch:
    """Parse the body of a batch. Raises Problem."""
    check_utf8(body)
    try:
        batch = _decode_batch(body)
    except msgspec.ValidationError as error:
        raise Problem(400, "invalid_body", f"the body is no batch of events: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        batch = _with_half_pairs(body, error)
    if len(batch.batch) > events.MOST:
        raise Problem(
            413,
            "too_many_events",
            f"a batch holds at most {events.MOST} events; send smaller ones",
        )
    return batch


def _with_half_pairs(body: bytes, error: Exception) -> Batch:
    """Parse a batch in which an event holds half a surrogate pair, so that this event alone is refused. Raises Problem."""
    if b"\\ud" not in body.lower():
        raise malformed(error) from error
    try:
        said = json.loads(body, parse_constant=_no_json)
        batch = msgspec.convert({**said, "batch": []}, Batch)
        batch.batch = [msgspec.Raw(_written(each)) for each in said["batch"]]
    except (ValueError, TypeError, LookupError, RecursionError) as worse:
        raise malformed(error) from worse
    return batch


def _written(event: Any) -> bytes:
    """Write an event as it was, in size too; one that holds half a pair in escapes, to be refused by itself."""
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(event).encode()


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def check_utf8(body: bytes) -> None:
    """Raise Problem unless the body is UTF-8. JSON decoders do not look into what they skip."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "invalid_utf8", "the body is not UTF-8") from error


def malformed(error: Exception) -> Problem:
    if isinstance(error, RecursionError):
        return Problem(400, "too_deep", "the body is nested too deep")
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
        rows: list[NewRow] = []
        errors: list[tuple[int, str, str]] = []
        for position, each in enumerate(raw):
            if position % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            whose = origin
            try:
                event = events.check(
                    bytes(each), envelope.type, shared=len(header), trusted=trusted
                )
                whose = origin or await self._owner(event.write_key)
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

    async def _owner(self, write_key: str | None) -> Origin:
        found = await self.keyring.find(write_key) if write_key else None
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
        raise Problem(
            413,
            "context_too_large",
            f"the context of the batch goes to each of its {count} events; send less of it, or fewer events",
        )
    try:
        events.check_form(header)
    except Refused as refused:
        raise Problem(400, "bad_context", f"the batch's context: {refused.message}") from refused
    return header


def away() -> Problem:
    return Problem(
        503,
        "inbox_away",
        "touchpoints cannot be stored just now; send the same again, with the same messageId",
        {"Retry-After": str(WAIT)},
    )
