"""A real SMTP server that remembers the Message-ID of everything that it accepted."""

import threading
import time
from collections import Counter
from email.parser import BytesHeaderParser
from typing import Any

from aiosmtpd.controller import Controller

from tests.installation import free_port


class Sink:
    """Accepts mails on loopback, each after `pause` seconds, so that deliveries are in hand when a process is killed."""

    def __init__(self, pause: float = 0.0) -> None:
        self.message_ids: Counter[str] = Counter()
        self.pause = pause
        self._lock = threading.Lock()
        self._controller: Controller | None = None
        self.port = free_port()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        headers = BytesHeaderParser().parsebytes(envelope.content)
        with self._lock:
            self.message_ids[str(headers["Message-ID"]).strip("<> ")] += 1
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
