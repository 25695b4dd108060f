"""Holding deliveries back while the enrolment that asked for them is suspended."""

from collections.abc import Mapping

from activation.deliveries.types import DeliveryStatus
from identity.sql import Rows, execute

_WAITING = (
    DeliveryStatus.QUEUED.value,
    DeliveryStatus.POSTPONED.value,
    DeliveryStatus.HANDING_OVER.value,
)


def hold(keys: Mapping[str, bool]) -> int:
    """Hold back (true) or let go (false) what is queued under these occurrence keys, in the lane; return how many rows there were.

    What a sender is handing over at this moment goes on, and is held if it comes back to the queue. Their reservations stay: who resumes sends without asking again.
    """
    if not keys:
        return 0
    rows = Rows("k", key="text", held="boolean")
    return execute(
        f'UPDATE activation_delivery SET held = k.held FROM {rows} WHERE activation_delivery."key" = k."key"'
        " AND activation_delivery.status IN (%s, %s, %s)",
        [*rows.of(keys.items()), *_WAITING],
    )
