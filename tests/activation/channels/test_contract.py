"""What every channel that hands messages over must do, run on each of them against a real server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from activation.channels.email import EmailChannel
from activation.channels.port import Channel, ChannelError, Message
from activation.channels.pull import PullChannel
from activation.channels.webhook import WebhookChannel
from tests.activation.channels.servers import Endpoint, Mailbox, http, smtp
from tests.ports import free_port

NOW = 1_790_000_000_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Setting:
    """A channel and the far end: `arrived` lists keys, the others make the next message end that way."""

    channel: Channel
    arrived: Callable[[], list[str]]
    refuse: Callable[[], None]
    postpone: Callable[[], None]
    hang_up: Callable[[], None]
    nowhere: Callable[[], Channel]


def _email(stack: ExitStack) -> Setting:
    box = stack.enter_context(smtp(Mailbox()))

    def to(port: int) -> Channel:
        return EmailChannel(
            "email", host="127.0.0.1", port=port, sender="news@shop.example", timeout=2
        )

    return Setting(
        channel=to(box.port),
        arrived=lambda: [str(mail["X-Key"]) for mail in box.mails],
        refuse=lambda: box.data_answers.append("554 no"),
        postpone=lambda: box.data_answers.append("451 later"),
        hang_up=lambda: box.data_answers.append("hang up"),
        nowhere=lambda: to(free_port()),
    )


def _webhook(stack: ExitStack) -> Setting:
    point = stack.enter_context(http(Endpoint()))

    def to(url: str) -> Channel:
        return WebhookChannel("crm", url=url, secrets=[SECRET], allow_private=True, timeout=2)

    return Setting(
        channel=to(point.url),
        arrived=lambda: [headers["webhook-id"] for headers, _ in point.requests],
        refuse=lambda: setattr(point, "status", 400),
        postpone=lambda: setattr(point, "status", 503),
        hang_up=lambda: setattr(point, "hang_up", True),
        nowhere=lambda: to(f"http://127.0.0.1:{free_port()}/"),
    )


@pytest.fixture(params=[_email, _webhook], ids=["email", "webhook"])
def far_end(request) -> Iterator[Setting]:
    with ExitStack() as stack:
        made = request.param(stack)
        stack.callback(made.channel.close)
        yield made


def message(key: str) -> Message:
    return Message(key, "alice@example.org", "Hi", "Hello", headers={"X-Key": key})


def failure(channel: Channel) -> tuple[bool, bool, bool]:
    with pytest.raises(ChannelError) as error:
        channel.send(message("1:a:1"), NOW)
    return error.value.permanent, error.value.uncertain, error.value.away


def test_it_hands_over_each_message_once_under_its_key(far_end):
    for number in range(3):
        assert isinstance(far_end.channel.send(message(f"{number}:a:1"), NOW), str)
    assert far_end.arrived() == ["0:a:1", "1:a:1", "2:a:1"]


def test_the_same_key_is_the_same_message(far_end):
    first, second = (far_end.channel.send(message("1:a:1"), NOW) for _ in range(2))
    assert first == second


def test_a_definite_no_is_permanent(far_end):
    far_end.refuse()
    assert failure(far_end.channel) == (True, False, False)


def test_not_now_may_be_tried_again(far_end):
    far_end.postpone()
    assert failure(far_end.channel) == (False, False, False)


def test_silence_after_the_hand_over_is_uncertain(far_end):
    far_end.hang_up()
    assert failure(far_end.channel) == (False, True, False)


def test_nobody_there_is_away(far_end):
    channel = far_end.nowhere()
    assert failure(channel) == (False, False, True)
    channel.close()


def test_closing_twice_does_no_harm(far_end):
    far_end.channel.send(message("1:a:1"), NOW)
    far_end.channel.close()
    far_end.channel.close()


def test_a_pull_channel_hands_nothing_over():
    channel = PullChannel("site")
    assert channel.pull
    assert failure(channel) == (True, False, False)
