"""The inbox: where acknowledged touchpoints wait, durably, for the lane. settings.INBOX says which back end keeps it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from identity.clock import Instant
from identity.clock import now as clock_now
from identity.touchpoints.inbox.port import Inbox, InboxReader, InboxWriter


def _inbox() -> Inbox:
    configured: Inbox = import_string(settings.INBOX["BACKEND"])(**settings.INBOX["OPTIONS"])
    return configured


def make() -> UUID:
    """Make the inbox unless it exists; return its uuid. Only the set-up of an installation calls this."""
    return _inbox().make()


def writer(clock: Callable[[], Instant] = clock_now) -> InboxWriter:
    """Open the inbox for writing. Raises ForeignInbox when there is none, InboxTaken when another process writes it."""
    return _inbox().writer(clock)


def reader() -> InboxReader:
    """Open the inbox for reading: for the lane, and for pages that show what waits."""
    return _inbox().reader()


def rest() -> AbstractContextManager[None]:
    """Let no row be deleted while the context lasts (for a backup)."""
    return _inbox().rest()
