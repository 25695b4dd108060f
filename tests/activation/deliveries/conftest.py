"""A real SMTP server behind the e-mail channel, and a sender with a clock that tests move."""

import copy
from collections.abc import Iterator

import pytest

from activation.deliveries.send import Sender
from identity.clock import Instant
from tests.activation.channels.servers import Mailbox, smtp
from tests.activation.people import NOON


class Clock:
    def __init__(self) -> None:
        self.now: Instant = NOON
        self.oldest: Instant | None = None

    def __call__(self) -> Instant:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    with smtp(Mailbox()) as running:
        channels = copy.deepcopy(settings.CHANNELS)
        channels["email"]["OPTIONS"] |= {
            "host": "127.0.0.1",
            "port": running.port,
            "sender": "The Shop <news@shop.example>",
            "timeout": 2,
        }
        settings.CHANNELS = channels
        settings.COLLECTOR_URL = "https://t.shop.example"
        yield running


@pytest.fixture
def sender(clock, mailbox) -> Iterator[Sender]:
    made = Sender(clock=clock, oldest=lambda: clock.oldest)
    yield made
    made.close()
