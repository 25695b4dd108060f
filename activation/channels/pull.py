"""Channels that hand nothing over: somebody fetches what is due, with a key of their own (see api.py)."""

from typing import ClassVar

from activation.channels.port import Channel, ChannelError, Message
from identity.clock import Instant


class PullChannel(Channel):
    """Deliveries wait until they are fetched and acknowledged.

    `site` and `display` are such channels too: the page asks for its slot, a DSP for its lists.
    """

    pull: ClassVar[bool] = True

    def __init__(self, name: str, *, addressed_by: str = "") -> None:
        super().__init__(name)
        self.addressed_by = addressed_by

    def send(self, message: Message, now: Instant) -> str:
        """Refuse: what is fetched cannot be pushed."""
        raise ChannelError(f"deliveries of {self.name} are fetched, not sent", permanent=True)
