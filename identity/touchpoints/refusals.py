"""Counts, per source and reason, what was refused: by the collector, by the policy, by the clock."""

from collections import Counter
from collections.abc import Iterator, Sequence

from identity.clock import Instant
from identity.sql import Rows, execute
from identity.touchpoints import decode
from identity.touchpoints.types import BatchContext, InboxRow, Touchpoint

CLOCK = "clock_corrected"
UNNAMED = "message_id_missing"
ERASED = "erased"
TAKEN = frozenset({CLOCK, UNNAMED})  # counted although the event was taken as it is


def fold(
    rows: Sequence[InboxRow],
    context: BatchContext,
    touchpoints: Sequence[Touchpoint] = (),
    erased: Sequence[Touchpoint] = (),
) -> None:
    """Add the refusals among these rows, and those that decoding met, to the tables that a source's page shows.

    `erased`: touchpoints of the time before an erasure; no more is said about them than how many there were.
    """
    counts = Counter((each.source, ERASED) for each in erased)
    details = dict.fromkeys(counts, "")
    for source, reason, detail, count in _met(rows, touchpoints):
        counts[source, reason] += count
        details[source, reason] = detail
    if counts:
        _store(
            [
                (source, reason, details[source, reason], n)
                for (source, reason), n in counts.items()
            ],
            context.now,
        )


def _met(
    rows: Sequence[InboxRow], touchpoints: Sequence[Touchpoint]
) -> Iterator[tuple[int, str, str, int]]:
    for refused in decode.refusals(rows):
        yield refused.source, refused.reason, refused.detail, refused.count
    for touchpoint in touchpoints:
        if touchpoint.refusal:
            yield touchpoint.source, touchpoint.refusal, f"touchpoint {touchpoint.id}", 1
        if touchpoint.unnamed:
            yield touchpoint.source, UNNAMED, "", 1
        for reason in touchpoint.dropped:
            yield touchpoint.source, reason, f"touchpoint {touchpoint.id}", 1
        if touchpoint.clock_corrected:
            yield touchpoint.source, CLOCK, f"touchpoint {touchpoint.id}", 1


def _store(found: Sequence[tuple[int, str, str, int]], now: Instant) -> None:
    """Add up in one statement; a source that was deleted meanwhile has nobody to be told."""
    refused = Rows("refused", source="bigint", reason="text", detail="text", count="bigint")
    execute(
        "INSERT INTO identity_refusal (source_id, reason, detail, count, first_at, last_at)"
        " SELECT refused.source, refused.reason, refused.detail, refused.count, %s, %s"
        f" FROM {refused} JOIN identity_source ON identity_source.id = refused.source WHERE true"
        " ON CONFLICT (source_id, reason) DO UPDATE SET"
        " count = identity_refusal.count + excluded.count, detail = excluded.detail,"
        " last_at = excluded.last_at",
        [now, now, *refused.of((s, r[:100], d[:500], n) for s, r, d, n in found)],
    )
