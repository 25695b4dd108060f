"""What is read again at hand-over: whatever was decided earlier, a person's latest word counts.

Called in the transaction that marks the delivery, so that nothing comes between the look and the mark.
"""

from enum import Enum
from typing import NamedTuple

from activation.channels.registry import Description
from activation.deliveries import permission
from activation.deliveries.claims import Claimed
from activation.deliveries.permission import Rules
from activation.pressure.reserve import quiet_until
from activation.pressure.types import Ask
from identity.clock import Instant
from identity.profiles.types import Facts


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
    quiet = quiet_until([_ask(claimed, person)], now)[claimed.key]
    return Check(Answer.WAIT, "quiet_hours", quiet) if quiet > now else Check(Answer.GO)


def _unaddressed(claimed: Claimed, person: Facts, channel: Description) -> str:
    """Return why nothing can be addressed; the address that was queued must still be one of the owner's person."""
    if not channel.addressed_by:
        return ""
    if claimed.address_profile != claimed.profile:
        return "address_moved"
    return "" if permission.address(person, channel.addressed_by) else permission.No.NO_ADDRESS


def _ask(claimed: Claimed, person: Facts) -> Ask:
    return Ask(
        key=claimed.key,
        profile=claimed.profile,
        owner=claimed.owner,
        channel=claimed.channel,
        message_class=claimed.message_class,
        due_at=claimed.claimed_at,
        journey=claimed.journey,
        time_zone=person.time_zone,
        urgent=claimed.urgent,
    )
