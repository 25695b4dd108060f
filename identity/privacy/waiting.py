"""What people said that the lane has not kept yet: until it has, whoever contacts them may not know their latest word."""

from identity.clock import Instant
from identity.privacy.services import CONSENT, SUPPRESSION
from identity.touchpoints import commands
from identity.touchpoints.inbox.port import InboxReader


def oldest(reader: InboxReader) -> Instant | None:
    """Return since when a wish waits for the lane, as a row of the inbox (live or history) or as a command; None: none does."""
    waiting = (reader.oldest_wish(), commands.oldest((CONSENT, SUPPRESSION)))
    return min((at for at in waiting if at is not None), default=None)
