"""What is read again at hand-over: whatever was decided earlier, a person's latest word counts.

Called in the transaction that marks the delivery, so that nothing comes between the look and the mark.
"""

from enum import Enum
from typing import NamedTuple

from activation.channels.registry import Description
from activation.deliveries import permission
from activation.deliveries.claims import Claimed
from activation.deliveries.permission import Rules
from activation.pressure.policy import FOREVER
from activation.pressure.reserve import obeys_caps, quiet_until
from activation.pressure.types import Ask
from identity.clock import MINUTE, Instant
from identity.profiles.types import Facts

LATE = 5 * MINUTE  # after the instant it was reserved for: the policies are asked again
LATE_REASON = "late"


class Answer(Enum):
    """GO; NO for good; BROKEN: no message can be made; WAIT until `until`."""

    GO = "go"
    BROKEN = "broken"
    NO = "no"
    WAIT = "wait"


class Check(NamedTuple):
    """The outcome of one look."""

    answer: Answer
    reason: str = ""
    until: Instant = 0


def look(
    claimed: Claimed,
    person: Facts | None,
    channel: Description | None,
    rules: Rules,
    now: Instant,
) -> Check:
    """Say whether a delivery may be handed over now."""
    if person is None:
        return Check(Answer.NO, "no_profile")
    if channel is None or not channel.enabled:
        return Check(Answer.NO, "no_channel")
    no = permission.refusal(person, claimed.channel, claimed.message_class, rules)
    reason = no.value if no else _unaddressed(claimed, person, channel)
    if reason:
        return Check(Answer.NO, reason)
    return _moment(claimed, person, now)


def _moment(claimed: Claimed, person: Facts, now: Instant) -> Check:
    """Say whether this is the time: quiet hours may have begun, and the policies were asked about another one."""
    quiet = quiet_until([_ask(claimed, person, now)], now)[claimed.key]
    if quiet >= FOREVER:
        return Check(Answer.NO, "always_quiet")
    if quiet > now:
        return Check(Answer.WAIT, "quiet_hours", quiet)
    if now - claimed.reserved_for > LATE and obeys_caps(claimed.message_class):
        return Check(Answer.WAIT, LATE_REASON, now)
    return Check(Answer.GO)


def _unaddressed(claimed: Claimed, person: Facts, channel: Description) -> str:
    """Return why nothing can be addressed; the address that was queued must still be one of the owner's person."""
    if not channel.addressed_by:
        return ""
    if claimed.address_profile != claimed.profile:
        return "address_moved"
    return "" if permission.address(person, channel.addressed_by) else permission.No.NO_ADDRESS


def _ask(claimed: Claimed, person: Facts, now: Instant) -> Ask:
    return Ask(
        key=claimed.key,
        profile=claimed.profile,
        owner=claimed.owner,
        channel=claimed.channel,
        message_class=claimed.message_class,
        due_at=now,
        journey=claimed.journey,
        time_zone=person.time_zone or claimed.zone,
        quiet=claimed.quiet,
        urgent=claimed.urgent,
    )
