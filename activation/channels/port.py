"""The port of a channel: one verb, one error."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from identity.clock import Instant


class ChannelError(Exception):
    """The channel did not take the message.

    `permanent`: trying again cannot help. `uncertain`: it may have taken it (a time-out after the hand-over): the delivery
    becomes `unknown` and is never sent again by itself.
    """

    def __init__(self, message: str, *, permanent: bool = False, uncertain: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.uncertain = uncertain


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered message on its way to one person. `key` is its idempotency key for every provider."""

    key: str
    address: str
    subject: str = ""
    text: str = ""
    html: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


class Channel(ABC):
    """A way to hand a message over. `pull` channels hand nothing over: their deliveries wait until they are fetched."""

    name: ClassVar[str]
    pull: ClassVar[bool] = False

    @abstractmethod
    def send(self, message: Message, now: Instant) -> str:
        """Hand the message over; return the provider's id ("" if it gives none). Raises ChannelError."""

    def close(self) -> None:
        """Let go of connections; nothing to do for most."""
        return
