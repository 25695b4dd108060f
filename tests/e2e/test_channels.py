"""Channels in real processes: one that hangs holds up no other; one that fetches its deliveries with a key of its own."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.activation.channels.servers import Endpoint, http
from tests.installation import Installation, installation

pytestmark = [pytest.mark.process, pytest.mark.stores]

# Everybody who signs up gets a mail, a call over a webhook and a letter; the mail server never says a word.
CONTENT = """
from activation.channels.services import create
from tests.content import journey, template
create("crm", "webhook", {{"url": {url!r}}}, actor="tests", now=1)
create("letter", "pull", {{"ack_within": 60}}, actor="tests", now=1)
sends = {{name: {{"type": "send", "config": {{"channel": name, "template": template(f"to-{{name}}", "Hello", channel=name)}}}}
          for name in ("email", "crm", "letter")}}
journey("Welcome", {{
    "settings": {{"message_class": "transactional"}},
    "nodes": {{"start": {{"type": "entry", "config": {{"on": "touchpoint", "event": "Signed Up"}}}}, **sends, "end": {{"type": "exit"}}}},
    "edges": [
        {{"from": "start", "port": "next", "to": "email"}},
        {{"from": "email", "port": "sent", "to": "crm"}},
        {{"from": "crm", "port": "sent", "to": "letter"}},
        {{"from": "letter", "port": "sent", "to": "end"}},
    ],
}})
"""


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Accept connections and never say a word, as a mail server that was stopped; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in held:
            connection.close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with http(Endpoint()) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, endpoint: Endpoint) -> Iterator[Installation]:
    with (
        silent() as port,
        installation(
            tmp_path,
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(port),
            SMTP_TIMEOUT="30",
            WEBHOOK_ALLOW_PRIVATE="1",
        ) as made,
    ):
        made.up()
        made.shell(CONTENT.format(url=endpoint.url))
        yield made


def sign_up(home: Installation, key: str, person: str) -> None:
    traits = {"email": f"{person}@example.org"}
    home.post(
        key,
        {"type": "identify", "userId": person, "messageId": f"i-{person}", "traits": traits},
        {"type": "track", "event": "Signed Up", "userId": person, "messageId": f"t-{person}"},
    )


def test_a_mail_server_that_was_stopped_holds_up_no_other_channel(
    home: Installation, endpoint: Endpoint
) -> None:
    key, api = home.write_key("shop"), home.api_key("*")
    started = time.monotonic()
    for number in range(5):
        sign_up(home, key, f"person{number}")
    home.wait_for(lambda: len(endpoint.requests) == 5, "the calls", seconds=25)
    assert time.monotonic() - started < 25  # the mail server alone would have taken 30 s for one

    # The letters wait to be fetched; whoever prints them has a key of this channel alone.
    own = home.api_key("deliveries:write", "deliveries:read", channel="letter")
    given = home.wait_for(
        lambda: home.api(own, "POST", "channels/letter/fetch", json={}).json()["results"],
        "letters",
    )
    keys = {one["key"]: f"post-{number}" for number, one in enumerate(given)}
    changed = home.api(own, "POST", "channels/letter/acknowledge", json={"keys": keys})
    assert sorted(changed.json()["changed"]) == sorted(keys)
    first = min(keys)
    receipt = {"key": first, "event": "Message Delivered", "id": "r1"}
    answer = home.api(own, "POST", "channels/letter/receipts", json={"receipts": [receipt]})
    assert answer.json() == {"unknown": [], "errors": []}
    home.wait_for(
        lambda: home.api(own, "GET", f"deliveries/{first}").json()["status"] == "delivered",
        "the receipt's way through the lane",
        seconds=20,
    )
    assert home.api(own, "POST", "channels/crm/fetch", json={}).status_code == 403
    mails = home.api(api, "GET", "deliveries?channel=email").json()["results"]
    assert {one["status"] for one in mails} <= {"queued", "handing_over"}
