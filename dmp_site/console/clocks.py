"""What other clocks there are to compare this machine's with.

One machine that runs everything and whose clock is ahead has none: that is the work of NTP. A clock that is behind meets stamps
of the future; one that is apart from the collector's, the file server's or PostgreSQL's meets theirs.
"""

import contextlib
import email.utils
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from identity.clock import Instant, from_datetime
from identity.sql import fetch
from identity.touchpoints import inbox, lane
from identity.touchpoints.inbox.port import ForeignInbox, InboxAway

_PATIENCE = 2.0  # seconds


def others(now: Instant) -> Iterator[tuple[str, Instant]]:
    """Yield what other clocks say: a stamp of the past counts only when it lies in our future."""
    _epoch, beaten_at = lane.heartbeat()
    yield _("the lane's last heartbeat"), max(now, beaten_at or 0)
    yield _("the inbox's last row"), max(now, _last_received())
    yield "PostgreSQL", _database_time() or now
    yield _("the file system"), _file_time() or now
    yield _("the collector"), _collector_date() or now


def _last_received() -> Instant:
    try:
        return inbox.reader().latest() or 0
    except (ForeignInbox, InboxAway):  # the check of the inbox says so
        return 0


def _database_time() -> Instant | None:
    """Return what time PostgreSQL thinks it is, None where there is none: SQLite has this machine's clock."""
    if connection.vendor != "postgresql":
        return None
    ((said,),) = fetch("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    return int(said)


def _file_time() -> Instant | None:
    """Return what time the file system thinks it is, None when it cannot be written: the check of the disk says so."""
    probe = Path(settings.DATA_DIR) / f".clock-{os.getpid()}"
    try:
        probe.touch()
        return probe.stat().st_mtime_ns // 1_000_000
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _collector_date() -> Instant | None:
    """Return what time the collector thinks it is, None when it does not say."""
    try:
        answer = httpx.get(f"{settings.COLLECTOR_URL}/health", timeout=_PATIENCE)
        stamp = answer.headers.get("Date")
        return from_datetime(email.utils.parsedate_to_datetime(stamp)) if stamp else None
    except (httpx.HTTPError, ValueError, TypeError):
        return None
