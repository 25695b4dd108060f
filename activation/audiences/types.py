"""Audience changes as values. No Django, no clock."""

from dataclasses import dataclass

from identity.clock import Instant
from identity.profiles.types import Cause


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """A profile entered or left an audience, seen at the end of a batch."""

    audience: int
    profile: int
    entered: bool
    at: Instant
    cause: Cause
