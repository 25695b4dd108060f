"""The port of the inbox: rows that were acknowledged and wait for the lane."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from identity.clock import Instant
from identity.touchpoints.types import InboxRow, Mode


class NewRow(NamedTuple):
    """A row before it has a number and a time of receipt."""

    source: int
    mode: Mode
    payload: bytes


class ForeignInbox(Exception):
    """The inbox belongs to another installation, or was replaced by an older or emptied copy."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits. `oldest` is the time of receipt of the first live row, None when none waits."""

    live: int
    history: int
    oldest: Instant | None


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that one lane took, in the order of their numbers, all of one mode.

    `horizon`: every live row received before this instant is in this claim or was processed earlier, so wake-ups due up to it
    may run after the claim's rows.
    `token` is the back end's own (a lease, or nothing).
    """

    rows: Sequence[InboxRow]
    mode: Mode
    horizon: Instant
    token: str = ""


class InboxWriter(ABC):
    """The collector's side. One writer process per inbox; a second one is refused at `open`."""

    @abstractmethod
    def append(self, rows: Sequence[NewRow], now: Instant) -> int:
        """Store the rows durably in one commit, all received at `now` or later; return the number of the first.

        Numbers are consecutive; times of receipt never fall as numbers rise.
        """

    @abstractmethod
    def prune(self, *, keep_from_live: int, keep_from_history: int) -> int:
        """Delete rows of each mode whose number is lower; return how many."""

    @abstractmethod
    def close(self) -> None: ...


class InboxReader(ABC):
    """The lane's side."""

    @abstractmethod
    def uuid(self) -> UUID:
        """Return the uuid that the inbox was given when it was made."""

    @abstractmethod
    def claim(self, limit: int, now: Instant) -> Claim:
        """Take up to `limit` rows: live ones, else of history. May be empty; the horizon is given all the same."""

    @abstractmethod
    def settle(self, claim: Claim) -> None:
        """Mark the claim's rows as processed; called inside the transaction of the Django database that processed them."""

    @abstractmethod
    def backlog(self) -> Backlog: ...

    @abstractmethod
    def check(self) -> None:
        """Raise ForeignInbox when the first kept row is beyond position + 1, or the sequence is below the position."""
