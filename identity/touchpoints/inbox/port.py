"""The port of the inbox: rows that were acknowledged and wait for the lane."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from identity.clock import Instant
from identity.touchpoints.types import InboxRow, Mode


class NewRow(NamedTuple):
    """A row before it has a number and a time of receipt. `wish`: it may say what somebody allows or forbids."""

    source: int
    mode: Mode
    payload: bytes
    wish: bool = False


class ForeignInbox(Exception):
    """The inbox is missing or damaged, belongs to another installation, or was replaced by an older or emptied copy."""


class InboxAway(OSError):
    """The inbox cannot store or be read just now (a full disk, a lost connection, a server that hangs).

    Nothing of an append was kept, or nobody knows: the connection was lost during the commit, or the commit may still end well. Sending
    the same messageId again is safe, whatever became of it: a touchpoint's id counts once.
    """


class InboxTaken(Exception):
    """Another process writes this inbox already."""


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
    """The collector's side. One writer process per inbox; a second one is refused with InboxTaken."""

    @abstractmethod
    def uuid(self) -> UUID:
        """Return the uuid that the inbox was given when it was made."""

    @abstractmethod
    def append(self, rows: Sequence[NewRow], now: Instant) -> int:
        """Store the rows durably in one commit, all received at `now` or later; return the number of the first.

        Numbers are consecutive; times of receipt never fall as numbers rise. Raises InboxAway: nothing was stored, or
        nobody knows (see there); what is sent again gets new numbers, and counts once by its messageId.
        """

    @abstractmethod
    def prune(self, *, keep_from_live: int, keep_from_history: int) -> int:
        """Delete rows of each mode whose number is lower, a slice at a time; return how many. Nothing while pruning rests."""

    @abstractmethod
    def close(self) -> None: ...


class InboxReader(ABC):
    """The lane's side. Every method raises ForeignInbox when the inbox is damaged, InboxAway when it cannot be read now."""

    @abstractmethod
    def uuid(self) -> UUID:
        """Return the uuid that the inbox was given when it was made."""

    @abstractmethod
    def claim(self, limits: Mapping[Mode, int], now: Instant) -> Claim:
        """Take rows, up to the limit of their mode: live ones, else of history. May be empty; the horizon is given all the same.

        While a writer hangs inside its commit the horizon stays where it was. Raises InboxAway when it was never known.
        """

    @abstractmethod
    def settle(self, claim: Claim) -> None:
        """Mark the claim's rows as processed; called inside the transaction of the Django database that processed them."""

    @abstractmethod
    def backlog(self) -> Backlog: ...

    @abstractmethod
    def oldest_wish(self) -> Instant | None:
        """Return when the first row of either mode was received that may hold a wish and was not processed; None when none waits."""

    @abstractmethod
    def latest(self) -> Instant | None:
        """Return when the newest row that is kept was received; None when none is."""

    @abstractmethod
    def check(self) -> None:
        """Raise ForeignInbox when rows beyond the position were dropped, or the sequence is below the position."""


class Inbox(ABC):
    """One inbox, wherever it lives; made from settings.INBOX as Django makes its caches."""

    @abstractmethod
    def make(self) -> UUID:
        """Make the inbox unless it exists; return its uuid. Only an installation's set-up calls this."""

    @abstractmethod
    def writer(self, clock: Callable[[], Instant]) -> InboxWriter:
        """Open for writing; `clock` stamps what is received. Raises ForeignInbox (none was made) or InboxTaken."""

    @abstractmethod
    def reader(self) -> InboxReader:
        """Open for reading; fails at first use, with ForeignInbox, when there is none."""

    @abstractmethod
    def rest(self) -> AbstractContextManager[None]:
        """Keep every row while the context lasts: a backup needs those behind the position that it has copied."""
