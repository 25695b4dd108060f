"""Brings "Email Sent" and the like in at the front door, like any other touchpoint.

A delivery is marked as reported after the door has taken it; a crash in between reports it again under the same messageId, which
counts once.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from activation.deliveries.events import sent_event
from activation.deliveries.tokens import Sent
from identity.clock import SECOND, Instant
from identity.sql import Rows, execute, fetch
from identity.stages import leave, reach
from identity.touchpoints import door
from identity.touchpoints.inbox.port import InboxAway

log = logging.getLogger(__name__)

BATCH = 200
_LONGEST_WAIT = 30 * SECOND


@dataclass
class Reporter:
    """Reports what was sent; a door that does not answer is waited for without holding up the sender."""

    clock: Callable[[], Instant]
    post: Callable[[Sequence[dict[str, Any]]], Sequence[door.Refused]] = door.post
    _not_before: Instant = 0
    _wait: Instant = SECOND

    def run_once(self) -> int:
        """Report up to a batch; return how many."""
        now = self.clock()
        if now < self._not_before:
            return 0
        waiting = _unreported(BATCH)
        if not waiting:
            return 0
        try:
            refused = self.post([sent_event(sent) for _, sent in waiting])
        except (InboxAway, door.DoorRefuses) as error:
            self._not_before, self._wait = now + self._wait, min(_LONGEST_WAIT, 2 * self._wait)
            log.warning("Messages sent cannot be reported yet: %s", error)
            return 0
        for each in refused:
            log.error("The report on %s was refused: %s", waiting[each.index][1].key, each.code)
        reach("7 deliver: reported")
        self._wait = SECOND
        _mark([row for row, _ in waiting])
        leave()
        return len(waiting)


def _unreported(limit: int) -> list[tuple[int, Sent]]:
    rows = fetch(
        "SELECT d.id, d.key, o.key, COALESCE(a.key, ''), d.channel, d.message_class, COALESCE(d.handed_at, d.created_at)"
        " FROM activation_delivery AS d JOIN identity_identifier AS o ON o.id = d.owner_id"
        " LEFT JOIN identity_identifier AS a ON a.id = d.address_id"
        " WHERE NOT d.reported AND d.status IN ('sent', 'delivered', 'bounced', 'complained') ORDER BY d.id LIMIT %s",
        [limit],
    )
    return [(row[0], Sent(*row[1:])) for row in rows]


def _mark(ids: Sequence[int]) -> None:
    rows = Rows("told", id="bigint")
    execute(
        f"UPDATE activation_delivery SET reported = %s WHERE id IN (SELECT id FROM {rows})",
        [True, *rows.of((each,) for each in ids)],
    )
