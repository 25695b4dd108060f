"""Real servers on loopback for channels to talk to, one thread each."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from aiosmtpd.controller import Controller

from tests.ports import free_port


class Mailbox:
    """An SMTP server's handler that keeps what it accepts; `answers` overrides its replies, first come first served."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.contents: list[bytes] = []
        self.recipients: list[str] = []
        self.sessions: set[int] = set()
        self.rcpt_answers: list[str] = []
        self.data_answers: list[str | Callable[[], str]] = []
        self.port = free_port()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if self.rcpt_answers:
            return self.rcpt_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.sessions.add(id(session))
        answer = self.data_answers.pop(0) if self.data_answers else "250 accepted"
        if callable(answer):
            answer = answer()
        if answer == "hang up":
            server.transport.abort()
            return "250 never read"
        if answer.startswith("2"):
            self.recipients += envelope.rcpt_tos
            self.contents.append(envelope.content)
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return answer

    def message_ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]


@contextlib.contextmanager
def smtp(mailbox: Mailbox, **options: Any) -> Iterator[Mailbox]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


class Endpoint:
    """An HTTP server that keeps the requests and answers with `status`."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.before_answer: Callable[[], None] = lambda: None
        self.hang_up = False
        self.url = ""


@contextlib.contextmanager
def http(endpoint: Endpoint) -> Iterator[Endpoint]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        known: ClassVar[Endpoint] = endpoint

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            endpoint.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
            endpoint.before_answer()
            if endpoint.hang_up:
                self.close_connection = True
                return
            self.send_response(endpoint.status)
            for name, value in endpoint.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
