"""What a journey asks to be sent, and what became of it. No Django, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from activation.pressure.types import Quiet
from identity.clock import Instant


class DeliveryStatus(StrEnum):
    """Where a delivery stands.

    queued -> handing_over -> sent | failed | unknown; queued -> cancelled; queued -> postponed -> queued | cancelled; unknown -> sent | failed (a receipt or a person);
    sent -> delivered | bounced | complained (receipts).
    """

    QUEUED = "queued"
    POSTPONED = (
        "postponed"  # quiet hours began while it waited: the lane looks for room after them
    )
    HANDING_OVER = "handing_over"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it may have gone out: counts as a contact, is never sent again by itself
    CANCELLED = "cancelled"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class ReactionKind(StrEnum):
    """What somebody did about a message."""

    OPENED = "opened"
    CLICKED = "clicked"
    SCANNED = "scanned"  # a link that a machine followed
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    DELIVERED = "delivered"
    FAILED = "failed"


class OpenKind(StrEnum):
    """Who loaded the pixel: only a human's open moves anything."""

    HUMAN = "human"
    PROXY = "proxy"  # the mail provider's, for a person who opened, or ahead of one
    MACHINE = "machine_suspected"


class Outcome(StrEnum):
    """What stage 6 decided about one send; the names of the send node's ports, but for DEFERRED."""

    QUEUED = "sent"
    CAPPED = "capped"
    UNREACHABLE = "unreachable"
    DEFERRED = "deferred"  # stays at the node; try again at `retry_at`


@dataclass(frozen=True, slots=True)
class SendRequest:
    """One step of an enrolment that wants to reach a person.

    `key` = "{enrolment}:{node}:{visit}" is the occurrence key of the ledger and of the delivery: never used twice.
    `owner` is the row id of the owner identifier that the ledger row and the delivery belong to (house.md, "Whose is it").
    `when_capped` is skip | defer | exit | fallback, "" = what the policy that refuses says; `give_up_at` bounds a deferral.
    `urgent` goes past caps and quiet hours; who publishes the step must be allowed to. `quiet`: quiet hours of the journey, in the
    person's zone, else in `zone`, else in the site's.
    """

    key: str
    profile: int
    owner: int
    channel: str
    message_class: str
    template: int
    journey: int
    version: int
    node: str
    occurrence: int
    due_at: Instant
    priority: int = 0
    when_capped: str = ""
    give_up_at: Instant | None = None
    urgent: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    quiet: tuple[Quiet, ...] = ()
    zone: str = ""


@dataclass(frozen=True, slots=True)
class SendResult:
    """The answer to one SendRequest. `decision` is the row id of the stored decision; `delivery` that of the queued row.

    `when_capped`: what the step is to do about a refusal by a cap, its own setting or else the policy's.
    """

    key: str
    outcome: Outcome
    decision: int
    delivery: int | None = None
    retry_at: Instant | None = None
    reason: str = ""
    when_capped: str = ""
