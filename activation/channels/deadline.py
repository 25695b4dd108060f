"""The longest that a conversation with another machine may take, however slowly the other side drips."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def deadline(seconds: float, cut: Callable[[], None]) -> Iterator[threading.Event]:
    """Call `cut` from another thread when the block takes longer; the event says that it did. Not called once the block is left."""
    passed = threading.Event()

    def fire() -> None:
        passed.set()
        cut()

    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    timer.start()
    try:
        yield passed
    finally:
        timer.cancel()
        timer.join()


def shut(line: socket.socket) -> None:
    """End a connection under whoever waits for it. Past TLS: its own farewell would wait for the other side."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)
