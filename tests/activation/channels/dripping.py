"""An SMTP server on loopback that answers a byte at a time, for as long as the other side listens."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator

_ANSWERS = {
    "hello": b"",  # before TLS
    "greeting": b"220 here\r\n",
    "EHLO": b"250-here\r\n250 STARTTLS\r\n",
    "STARTTLS": b"220 go on\r\n",
    "handshake": b"",  # after STARTTLS
    "DATA": b"354 go on\r\n",
    "end": b"250 taken\r\n",  # of the mail
}
_LINES = b"250-slow\r\n"
_RECORD = b"\x16\x03\x03\x3f\xff" + bytes(16_383)  # of TLS: a handshake as long as one may be
_PAUSE = 0.1


class _Session:
    """One conversation; it ends with an OSError."""

    def __init__(self, connection: socket.socket, drip_at: str, ended: threading.Event) -> None:
        self._connection = connection
        self._drip_at = drip_at
        self._ended = ended

    def talk(self) -> None:
        self._answer("hello")
        self._answer("greeting")
        with self._connection.makefile("rb") as lines:
            while line := lines.readline():
                word = line.split()[0].decode().upper()
                self._answer(word)
                if word == "STARTTLS":
                    self._answer("handshake")
                if word == "DATA":
                    while lines.readline() not in {b".\r\n", b""}:
                        pass
                    self._answer("end")

    def _answer(self, word: str) -> None:
        if word == self._drip_at:
            self._drip(_RECORD if word in {"hello", "handshake"} else _LINES)
        self._connection.sendall(_ANSWERS.get(word, b"250 OK\r\n"))

    def _drip(self, answer: bytes) -> None:
        for piece in itertools.cycle(answer):
            if self._ended.wait(_PAUSE):
                raise ConnectionAbortedError
            self._connection.sendall(bytes([piece]))


@contextlib.contextmanager
def dripping_smtp(drip_at: str) -> Iterator[int]:
    """Serve on the yielded port; the answer to `drip_at` (a command, or a name above) drips and never ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            _Session(connection, drip_at, ended).talk()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=talk, args=(connection,)))
                threads[-1].start()

    threads.append(threading.Thread(target=serve))
    threads[0].start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()
