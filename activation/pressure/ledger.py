"""The ledger: every contact of a person, own or reported, on the account of an owner identifier.

    reserved -> committed | released | unknown;   unknown -> committed | released;   committed -> released (it failed after all)

Each change of status is conditional, so it is done once whoever asks, and however often.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from activation.pressure import book
from activation.pressure.types import Origin, Status
from identity.clock import Instant
from identity.profiles.types import Arrival
from identity.sql import Rows, execute, fetch
from identity.touchpoints.types import BatchContext, Direction

DEFAULT_CLASS = "marketing"
REASON = 200  # characters of a reason that are kept


class Entry(NamedTuple):
    """A row to be. `seen` is JSON."""

    key: str
    owner: int
    channel: str
    message_class: str
    points: int
    counts: bool
    effective_at: Instant
    journey: int | None = None
    version: int | None = None
    node: str = ""
    occurrence: int = 0
    seen: str = "{}"


def enter(
    entries: Sequence[Entry], origin: Origin, status: Status, now: Instant
) -> dict[str, int]:
    """Write rows, in their order per owner; return row ids by key. A key that is there already is left as it is."""
    if not entries:
        return {}
    rows = Rows(
        "entries",
        key="text",
        owner="bigint",
        channel="text",
        message_class="text",
        points="bigint",
        counts="boolean",
        effective_at="bigint",
        journey="bigint",
        version="bigint",
        node="text",
        occurrence="bigint",
        seen="text",
        place="bigint",
    )
    names = "channel, message_class, points, counts, effective_at, journey, version, node, occurrence, seen"
    places: dict[int, int] = {}
    numbered = []
    for entry in entries:
        places[entry.owner] = places.get(entry.owner, 0) + 1
        numbered.append((*entry, places[entry.owner]))
    written = fetch(
        "INSERT INTO activation_ledgerrow"
        f" (key, owner_id, {names}, sequence, origin, status, decided_at, provider_id, reason)"
        f" SELECT key, owner, {names}, place + COALESCE((SELECT max(l.sequence) FROM activation_ledgerrow AS l"
        " WHERE l.owner_id = entries.owner), 0), %s, %s, %s, '', ''"
        f" FROM {rows} WHERE true ON CONFLICT (key) DO NOTHING RETURNING key, id",
        [origin.value, status.value, now, *rows.of(numbered)],
    )
    return dict(written)


def report(arrivals: Iterable[Arrival], context: BatchContext) -> None:
    """Enter contacts that others made and that came in as touchpoints. Receipts of own deliveries are not entered again.

    They stand on the account of the touchpoint's own owner, where its counters stand too, and not of the strongest identifier that
    the profile has: whom it met is what the touchpoint says. What we send goes to the person as we know them; an impression that
    was shown to a browser goes with the browser, if it turns out to be somebody else's.
    """
    reported = [arrival for arrival in arrivals if _is_foreign_contact(arrival)]
    if not reported:
        return
    rules = book.load()
    entries = []
    for arrival in reported:
        touchpoint = arrival.touchpoint
        message_class = touchpoint.message_class or DEFAULT_CLASS
        entries.append(
            Entry(
                key=f"reported:{touchpoint.id}",
                owner=arrival.owner,
                channel=touchpoint.channel,
                message_class=message_class,
                points=rules.points(touchpoint.channel, message_class),
                counts=rules.message_class(message_class).counts_toward_caps,
                effective_at=touchpoint.at,
            )
        )
    enter(entries, Origin.REPORTED, Status.COMMITTED, context.now)


def _is_foreign_contact(arrival: Arrival) -> bool:
    touchpoint = arrival.touchpoint
    if touchpoint.direction is not Direction.OUTBOUND or not touchpoint.channel:
        return False
    inner = touchpoint.context.get("filrouge")
    return not (isinstance(inner, Mapping) and inner.get("delivery"))


def commit(keys: Mapping[str, str]) -> list[str]:
    """Mark contacts as made, given as key -> provider's id (or ""). Return the keys that changed."""
    rows = Rows("done", key="text", provider_id="text")
    return _changed(
        "UPDATE activation_ledgerrow SET status = 'committed', provider_id = done.provider_id"
        f" FROM {rows} WHERE activation_ledgerrow.key = done.key"
        " AND status IN ('reserved', 'unknown') RETURNING activation_ledgerrow.key",
        rows.of(keys.items()),
    )


def move(made: Mapping[str, Instant]) -> None:
    """Let contacts count from when they were made, given as key -> instant, if that is later than what was reserved."""
    rows = Rows("made", key="text", at="bigint")
    execute(
        "UPDATE activation_ledgerrow SET effective_at = made.at"
        f" FROM {rows} WHERE activation_ledgerrow.key = made.key AND effective_at < made.at",
        rows.of(made.items()),
    )


def release(keys: Mapping[str, str], *, made: bool = False) -> list[str]:
    """Give contacts back, given as key -> reason: they were definitely not made. Return the keys that changed.

    `made`: also those that were taken for made, of which somebody who knows says now that they failed.
    """
    states = Rows("states", name="text")
    before = ("reserved", "unknown", "committed") if made else ("reserved", "unknown")
    rows = Rows("freed", key="text", why="text")
    return _changed(
        "UPDATE activation_ledgerrow SET status = 'released', reason = freed.why"
        f" FROM {rows} WHERE activation_ledgerrow.key = freed.key"
        f" AND status IN (SELECT name FROM {states}) RETURNING activation_ledgerrow.key",
        [
            *rows.of((key, why[:REASON]) for key, why in keys.items()),
            *states.of((name,) for name in before),
        ],
    )


def unknown(keys: Collection[str], reason: str) -> list[str]:
    """Mark contacts of which nobody knows whether they were made: they go on counting. Return the keys that changed."""
    rows = Rows("lost", key="text")
    return _changed(
        "UPDATE activation_ledgerrow SET status = 'unknown', reason = %s"
        f" FROM {rows} WHERE activation_ledgerrow.key = lost.key"
        " AND status = 'reserved' RETURNING activation_ledgerrow.key",
        [reason[:REASON], *rows.of((key,) for key in keys)],
    )


def _changed(sql: str, parameters: Sequence[object]) -> list[str]:
    return [row[0] for row in fetch(sql, parameters)]


def as_text(value: object) -> str:
    """Return canonical JSON, as the data plane stores it."""
    return msgspec.json.encode(value, order="deterministic").decode()
