"""Webhooks against a real HTTP server: signature, answers, and hosts that must not be called."""

import contextlib
import itertools
import json
import socket
import threading
import time

import pytest

from activation.channels import hosts, signing
from activation.channels.port import ChannelError, Message
from activation.channels.webhook import WebhookChannel
from tests.activation.channels.servers import Endpoint, http
from tests.ports import free_port

NOW = 1_614_265_330_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUJD" * 8


@pytest.fixture
def endpoint():
    with http(Endpoint()) as running:
        yield running


def channel_to(url, **options):
    return WebhookChannel(
        "crm", **{"url": url, "secrets": [SECRET], "allow_private": True, "timeout": 1, **options}
    )


def send(url, message=None, **options):
    channel = channel_to(url, **options)
    try:
        return channel.send(message or Message("7:call:1", "+33612345678", text="Ring"), NOW)
    finally:
        channel.close()


def test_the_published_vector():
    body = b'{"test": 2432232314}'
    assert signing.headers([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", body, NOW) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_message_arrives_signed(endpoint):
    send(endpoint.url, Message("7:call:1", "+33612345678", text="Ring", data={"uid": "u-1"}))
    [(headers, body)] = endpoint.requests
    assert json.loads(body) == {
        "type": "message.send",
        "timestamp": "2021-02-25T15:02:10.000+00:00",
        "data": {"key": "7:call:1", "address": "+33612345678", "text": "Ring", "uid": "u-1"},
    }
    assert headers["webhook-id"] == "7:call:1"
    expected = signing.sign(SECRET, "7:call:1", 1614265330, body)
    assert headers["webhook-signature"] == expected
    assert headers["host"] == endpoint.url.split("/")[2]


def test_both_secrets_sign_while_one_is_replaced(endpoint):
    send(endpoint.url, secrets=[OTHER, SECRET])
    [(headers, body)] = endpoint.requests
    assert headers["webhook-signature"].split() == [
        signing.sign(OTHER, "7:call:1", 1614265330, body),
        signing.sign(SECRET, "7:call:1", 1614265330, body),
    ]


@pytest.mark.parametrize(
    ("status", "permanent", "gone"),
    [
        (301, True, False),
        (302, True, False),
        (400, True, False),
        (404, True, False),
        (410, True, True),
        (429, False, False),
        (500, False, False),
        (503, False, False),
    ],
)
def test_what_an_answer_means(endpoint, status, permanent, gone):
    endpoint.status = status
    endpoint.headers = {"Location": endpoint.url}
    with pytest.raises(ChannelError) as error:
        send(endpoint.url)
    assert (error.value.permanent, error.value.gone) == (permanent, gone)
    assert not error.value.uncertain
    assert len(endpoint.requests) == 1


def test_a_lost_answer_is_uncertain(endpoint):
    endpoint.hang_up = True
    with pytest.raises(ChannelError) as error:
        send(endpoint.url)
    assert error.value.uncertain


def test_a_late_answer_is_uncertain(endpoint):
    wait = threading.Event()
    endpoint.before_answer = lambda: wait.wait(3) and None
    with pytest.raises(ChannelError) as error:
        send(endpoint.url, timeout=0.3)
    wait.set()
    assert error.value.uncertain


@contextlib.contextmanager
def dripping(*pieces, pause=0.1):
    """Serve an answer piece by piece, for as long as the other side listens."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            for piece in itertools.chain(pieces, itertools.repeat(b"x")):
                if ended.wait(pause):
                    return
                connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        ended.set()
        thread.join()
        listener.close()


@pytest.mark.slow
def test_a_body_that_never_ends_holds_nobody_and_the_status_counts():
    started = time.monotonic()
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n") as url:
        assert send(url, timeout=0.5) == ""
    assert time.monotonic() - started < 5


@pytest.mark.slow
def test_headers_that_never_end_are_cut_and_uncertain():
    started = time.monotonic()
    with (
        dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ") as url,
        pytest.raises(ChannelError) as error,
    ):
        send(url, timeout=0.5)
    assert error.value.uncertain
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", 120_000),
        ("Thu, 25 Feb 2021 15:03:10 GMT", 60_000),
        ("Thu, 25 Feb 2021 15:00:00 GMT", 0),
        ("99999999999999", 86_400_000),
        ("soon", 0),
        ("", 0),
    ],
)
def test_how_long_an_endpoint_asks_to_wait(endpoint, said, wait):
    endpoint.status, endpoint.headers = 503, {"Retry-After": said}
    with pytest.raises(ChannelError) as error:
        send(endpoint.url)
    assert error.value.retry_after == wait


def test_nobody_there_is_away():
    with pytest.raises(ChannelError) as error:
        send(f"http://127.0.0.1:{free_port()}/")
    assert (error.value.away, error.value.uncertain) == (True, False)


def test_a_private_host_is_not_called(endpoint):
    with pytest.raises(ChannelError) as error:
        send(endpoint.url, allow_private=False)
    assert error.value.away
    assert not endpoint.requests


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "192.168.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2002:0a00:0001::1",
        "224.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::808:808",
        "::10.0.0.1",
        "::8.8.8.8",
        "fec0::1",
    ],
)
def test_private_addresses(monkeypatch, address):
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(0, 0, 0, "", ("93.184.216.34", 80)), (0, 0, 0, "", (address, 80))],
    )
    with pytest.raises(hosts.Forbidden):
        hosts.resolve("rebind.example", 80, allow_private=False)
    assert hosts.resolve("rebind.example", 80, allow_private=True) == "93.184.216.34"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "https://exa..mple.com/",
        "http://",
        "https://user:pass@a.example/",
        "http://[::1",
        "http://a:x/",
    ],
)
def test_malformed_addresses(url):
    with pytest.raises(hosts.Forbidden):
        hosts.split(url)


def test_a_message_that_is_too_large_is_permanent(endpoint):
    with pytest.raises(ChannelError) as error:
        send(endpoint.url, Message("7:call:1", "", text="x" * 20_001))
    assert error.value.permanent
    assert not endpoint.requests


@pytest.mark.parametrize("secret", ["whsec_%%%", "whsec_QUJD", "whsec_" + "QUJD" * 30])
def test_bad_secrets(secret):
    with pytest.raises(ValueError, match="secret"):
        signing.read(secret)


def test_derived_secrets_are_valid_and_differ():
    one, two = (signing.secret_of(b"k" * 32, label) for label in ("webhook/1/1", "webhook/1/2"))
    assert one != two
    assert len(signing.read(one)) == 32
