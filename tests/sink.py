"""A real SMTP server on loopback that remembers what it accepted."""

import threading
import time
from collections import Counter
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.controller import Controller

from identity.clock import Instant, now
from tests.ports import free_port


class Sink:
    """Accepts mails on loopback, each after `pause` seconds, so that deliveries are in hand when a process is killed."""

    def __init__(self, pause: float = 0.0) -> None:
        self.message_ids: Counter[str] = Counter()
        self.mails: list[EmailMessage] = []
        self.received: list[tuple[Instant, bytes]] = []  # when, and every byte
        self.pause = pause
        self._lock = threading.Lock()
        self._controller: Controller | None = None
        self.port = free_port()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        mail = BytesParser(EmailMessage, policy=policy.default).parsebytes(envelope.content)
        with self._lock:
            self.message_ids[str(mail["Message-ID"]).strip("<> ")] += 1
            self.mails.append(mail)
            self.received.append((now(), bytes(envelope.content)))
        if self.pause:
            time.sleep(self.pause)
        return "250 accepted"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to one address, in the order of their arrival."""
        with self._lock:
            return [mail for mail in self.mails if address in str(mail["To"])]
