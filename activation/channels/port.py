"""The port of a channel: one verb, one error."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from identity.clock import Instant


class ChannelError(Exception):
    """The channel did not take the message.

    `permanent`: trying again cannot help; else not before `retry_after` milliseconds, if it said so. `uncertain`: it may have taken it (a time-out after the hand-over): the delivery
    becomes `unknown` and is never sent again by itself. `away`: the channel itself cannot be reached or is set up wrongly, which
    says nothing about this message: it waits, and no try is counted. `gone`: the receiver wants no more messages at all.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        uncertain: bool = False,
        away: bool = False,
        gone: bool = False,
        retry_after: Instant = 0,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.uncertain = uncertain
        self.away = away
        self.gone = gone
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message on its way to one person.

    `key` names it in this installation, `id` ("": the key) anywhere: it is the idempotency key for every provider.

    `address` is the clear value the channel reaches the person by, "" for a channel that needs none. `data` is what a channel
    without subject and text hands over: JSON values.
    """

    key: str
    address: str
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""

    @property
    def unique(self) -> str:
        """Return what tells this message from all others, whoever sent them."""
        return self.id or self.key


class Channel(ABC):
    """A way to hand a message over. `pull` channels hand nothing over: their deliveries wait until they are fetched.

    `addressed_by`: the entry of a profile's addresses that the channel needs ("email", "sms", ...); "" = none.
    """

    pull: ClassVar[bool] = False
    addressed_by: str = ""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def send(self, message: Message, now: Instant) -> str:
        """Hand the message over; return the provider's id ("" if it gives none). Raises ChannelError."""

    def close(self) -> None:
        """Let go of connections; nothing to do for most."""
        return
