"""When an event happened, by clocks that may lie."""

from datetime import UTC, datetime
from functools import lru_cache

from identity.clock import MINUTE, Instant, from_datetime

AHEAD = 5 * MINUTE  # what a clock may be ahead of ours after the correction
EARLIEST = -2_208_988_800_000  # the year 1900: nobody recorded a contact before
_FARTHEST = 253_402_300_800_000  # the year 10000

Said = str | int | float | None


@lru_cache(maxsize=4096)
def instant(said: Said) -> Instant | None:
    """Read ISO 8601 (without an offset: UTC) or milliseconds since 1970; None when it is neither."""
    if isinstance(said, str):
        try:
            moment = datetime.fromisoformat(said.strip())
        except ValueError:
            return None
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if said is None or not abs(said) < _FARTHEST:
        return None
    return int(said)


def happened(original: Said, sent: Said, received_at: Instant) -> tuple[Instant, bool]:
    """Return when the event happened by our clock, and whether its time had to be replaced.

    Segment's rule: received_at - (sent - original) takes the sender's clock out. What then lies more than five minutes ahead,
    or before 1900, is set to received_at: a clock in the year 9999 must not win every trait.
    """
    at, sent_at = instant(original), instant(sent)
    if at is None:
        return received_at, False
    if sent_at is not None:
        at += received_at - sent_at
    if not EARLIEST <= at <= received_at + AHEAD:
        return received_at, True
    return at, False
