"""Reads moments out of traits. No Django, no clock."""

from datetime import UTC, datetime
from typing import Any

from identity.clock import Instant, from_datetime


def instant(value: Any) -> Instant | None:
    """Read an ISO 8601 date or time; without an offset it is UTC, without a time midnight. None when it is neither."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    try:
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except OverflowError:
        return None
