"""Stores a no that had nothing to do with pressure (no consent, no address): every refusal is a stored decision."""

from collections.abc import Mapping, Sequence

from activation.pressure import intents
from activation.pressure.types import Ask
from identity.sql import Rows, fetch
from identity.touchpoints.types import BatchContext


def refuse(refused: Sequence[tuple[Ask, str]], context: BatchContext) -> Mapping[str, int]:
    """Write one decision for each (ask, reason), in the caller's transaction; return row ids by key. Two statements."""
    if not refused:
        return {}
    intents.keep([ask for ask, _ in refused], context.now)
    rows = Rows(
        "refused",
        key="text",
        owner="bigint",
        channel="text",
        message_class="text",
        journey="bigint",
        at="bigint",
        why="text",
    )
    parameters = rows.of(
        (
            ask.key,
            ask.owner,
            ask.channel,
            ask.message_class,
            ask.journey,
            max(ask.due_at, context.now),
            reason,
        )
        for ask, reason in refused
    )
    written = fetch(
        "INSERT INTO activation_decision (key, owner_id, channel, message_class, journey, decided_at, at,"
        " passed, reason, earliest, points, winner, uses, audiences)"
        f" SELECT key, owner, channel, message_class, journey, %s, at, %s, why, NULL, 0, '', '[]', '[]' FROM {rows}"
        " RETURNING key, id",
        [context.now, False, *parameters],
    )
    return dict(written)
