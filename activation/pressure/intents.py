"""Every wish to contact somebody is kept, granted or not, so that a changed policy can be replayed over it."""

from collections.abc import Sequence

from activation.pressure.ledger import as_text
from activation.pressure.types import Ask
from identity.clock import Instant
from identity.sql import Rows, execute


def keep(asks: Sequence[Ask], now: Instant) -> None:
    """Store what was asked for; of one key the first ask."""
    rows = Rows(
        "intents",
        key="text",
        owner="bigint",
        channel="text",
        message_class="text",
        journey="bigint",
        ask="text",
    )
    execute(
        "INSERT INTO activation_intent (key, owner_id, channel, message_class, journey, asked_at, ask)"
        f" SELECT key, owner, channel, message_class, journey, %s, ask FROM {rows} WHERE true"
        " ON CONFLICT (key) DO NOTHING",
        [
            now,
            *rows.of(
                (
                    one.key,
                    one.owner,
                    one.channel,
                    one.message_class,
                    one.journey,
                    as_text(one),
                )
                for one in asks
            ),
        ],
    )
