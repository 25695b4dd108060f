"""E-mail over a real SMTP server: what arrives, and what each kind of trouble means for the delivery."""

import time

import pytest

from activation.channels.email import EmailChannel, message_id
from activation.channels.port import ChannelError, Message
from tests.activation.channels.dripping import dripping_smtp
from tests.activation.channels.servers import Mailbox, smtp
from tests.ports import free_port

NOW = 1_790_000_000_000
SENDER = "The Shop <news@shop.example>"


@pytest.fixture
def mailbox():
    with smtp(Mailbox()) as running:
        yield running


@pytest.fixture
def channel(mailbox):
    made = EmailChannel("email", host="127.0.0.1", port=mailbox.port, sender=SENDER, timeout=1)
    yield made
    made.close()


def message(number=1, **values):
    return Message(
        **{
            "key": f"{number}:welcome:1",
            "address": "alice@example.org",
            "subject": "Bonjour à tous",
            "text": "Hello\n.\n.. and dots",
            "html": "<p>Hello</p>",
            **values,
        }
    )


def test_a_mail_arrives_with_text_and_html(channel, mailbox):
    identifier = channel.send(
        message(headers={"List-Unsubscribe": "<https://x.example/u/1>"}), NOW
    )
    [mail] = mailbox.mails
    assert mail["Message-ID"] == identifier == message_id("1:welcome:1", SENDER)
    assert mail["From"] == SENDER
    assert mail["To"] == "alice@example.org"
    assert mail["Subject"] == "Bonjour à tous"
    assert mail["List-Unsubscribe"] == "<https://x.example/u/1>"
    assert mail["Date"].datetime.timestamp() * 1000 == NOW
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert text.get_content().splitlines() == ["Hello", ".", ".. and dots"]
    assert html.get_content().strip() == "<p>Hello</p>"
    assert mailbox.recipients == ["alice@example.org"]


def test_the_way_to_unsubscribe_reaches_mail_programs_as_it_is(channel, mailbox):
    way = f"<https://x.example/u/{'t' * 300}>, <mailto:leave@x.example?subject={'s' * 100}>"
    channel.send(message(headers={"List-Unsubscribe": way}), NOW)
    assert f"\r\nList-Unsubscribe: {way}\r\n".encode() in mailbox.contents[0]


def test_one_connection_carries_many_mails(channel, mailbox):
    for number in range(5):
        channel.send(message(number), NOW)
    assert len(set(mailbox.message_ids())) == 5
    assert len(mailbox.sessions) == 1


def test_a_connection_that_the_server_closed_is_opened_again(mailbox, channel):
    channel.send(message(1), NOW)
    channel._connection.sock.close()
    channel.send(message(2), NOW)
    assert len(mailbox.mails) == 2


def test_the_message_id_is_the_same_for_every_try_and_differs_between_deliveries():
    assert message_id("1:a:1", SENDER) == message_id("1:a:1", SENDER)
    assert message_id("1:a:1", SENDER) != message_id("1:a:2", SENDER)
    assert message_id("1:a:1", SENDER).endswith("@shop.example>")


@pytest.mark.parametrize("answer", ["550 no such person", "553 not allowed"])
def test_a_refused_recipient_is_permanent_and_the_connection_stays_usable(
    channel, mailbox, answer
):
    mailbox.rcpt_answers = [answer]
    with pytest.raises(ChannelError) as error:
        channel.send(message(1), NOW)
    assert (error.value.permanent, error.value.uncertain, error.value.away) == (True, False, False)
    channel.send(message(2), NOW)
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(("answer", "permanent"), [("451 later", False), ("554 spam", True)])
def test_a_mail_refused_after_data_was_not_taken(channel, mailbox, answer, permanent):
    mailbox.data_answers = [answer]
    with pytest.raises(ChannelError) as error:
        channel.send(message(), NOW)
    assert error.value.permanent is permanent
    assert not error.value.uncertain
    assert not mailbox.mails


def test_a_connection_lost_after_data_is_uncertain(channel, mailbox):
    mailbox.data_answers = ["hang up"]
    with pytest.raises(ChannelError) as error:
        channel.send(message(), NOW)
    assert error.value.uncertain
    assert not error.value.permanent


@pytest.mark.slow
def test_a_time_out_after_data_is_uncertain(channel, mailbox):
    def slow() -> str:
        time.sleep(1.5)
        return "250 accepted"

    mailbox.data_answers = [slow]
    with pytest.raises(ChannelError) as error:
        channel.send(message(), NOW)
    assert error.value.uncertain


def test_no_server_means_away_and_nothing_about_the_message():
    channel = EmailChannel("email", host="127.0.0.1", port=free_port(), sender=SENDER, timeout=1)
    with pytest.raises(ChannelError) as error:
        channel.send(message(), NOW)
    assert (error.value.away, error.value.permanent, error.value.uncertain) == (True, False, False)


@pytest.mark.parametrize(
    "values",
    [
        {"address": "not an address"},
        {"address": ""},
        {"address": "alice@example.org\r\nBcc: mallory@example.org"},
        {"address": "alice@" + "x" * 70 + ".example"},
        {"headers": {"X-Campaign": "a\r\nBcc: mallory@example.org"}},
    ],
)
def test_what_cannot_be_a_mail_is_permanent_and_never_reaches_the_server(channel, mailbox, values):
    with pytest.raises(ChannelError) as error:
        channel.send(message(**values), NOW)
    assert error.value.permanent
    assert not mailbox.mails


def test_line_breaks_in_a_subject_become_blanks(channel, mailbox):
    channel.send(message(subject="Hello\r\nBcc: mallory@example.org"), NOW)
    assert mailbox.mails[0]["Subject"] == "Hello Bcc: mallory@example.org"
    assert mailbox.mails[0]["Bcc"] is None


def test_addresses_beyond_ascii():
    with smtp(Mailbox(), enable_SMTPUTF8=True) as mailbox:
        channel = EmailChannel("email", host="127.0.0.1", port=mailbox.port, sender=SENDER)
        channel.send(message(1, address="zoë@bücher.example"), NOW)
        channel.send(message(2, address="bob@bücher.example"), NOW)
        channel.close()
        assert mailbox.recipients == ["zoë@xn--bcher-kva.example", "bob@xn--bcher-kva.example"]


def test_a_server_without_utf8_takes_no_such_address():
    with smtp(Mailbox(), enable_SMTPUTF8=False) as mailbox:
        channel = EmailChannel("email", host="127.0.0.1", port=mailbox.port, sender=SENDER)
        with pytest.raises(ChannelError) as error:
            channel.send(message(address="zoë@example.org"), NOW)
        channel.close()
        assert error.value.permanent


def test_an_error_never_holds_the_address(channel, mailbox):
    mailbox.rcpt_answers = ["550 alice@example.org is unknown"]
    with pytest.raises(ChannelError) as error:
        channel.send(message(), NOW)
    assert "alice" not in str(error.value)


# --- A server that answers a byte at a time ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drip_at", "security"),
    [
        ("greeting", "none"),
        ("hello", "tls"),
        ("EHLO", "none"),
        ("STARTTLS", "starttls"),
        ("handshake", "starttls"),
        ("MAIL", "none"),
        ("RCPT", "none"),
        ("DATA", "none"),
    ],
)
def test_a_server_that_drips_before_the_hand_over_is_away(drip_at, security):
    error, seconds = fail_at_a_dripping_server(drip_at, security)
    assert (error.away, error.uncertain) == (True, False)
    assert "takes too long" in str(error) or "TimeoutError" in str(error)  # TLS has a limit too
    assert seconds < 8


@pytest.mark.slow
def test_a_server_that_drips_after_the_hand_over_leaves_it_unknown():
    error, seconds = fail_at_a_dripping_server("end", "none")
    assert (error.away, error.uncertain) == (False, True)
    assert seconds < 8


def fail_at_a_dripping_server(drip_at, security):
    """Return the error of a mail and how long it took, 0.4 seconds being the patience with each step."""
    with dripping_smtp(drip_at) as port:
        channel = EmailChannel(
            "email", host="127.0.0.1", port=port, sender=SENDER, timeout=0.4, security=security
        )
        started = time.monotonic()
        with pytest.raises(ChannelError) as failed:
            channel.send(message(), NOW)
        seconds = time.monotonic() - started
        channel.close()
    return failed.value, seconds


@pytest.mark.slow
def test_a_farewell_that_drips_is_cut():
    with dripping_smtp("QUIT") as port:
        channel = EmailChannel("email", host="127.0.0.1", port=port, sender=SENDER, timeout=0.4)
        channel.send(message(), NOW)
        started = time.monotonic()
        channel.close()
        assert time.monotonic() - started < 8
