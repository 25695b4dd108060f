"""A proxy on loopback that makes a network bad: slow, cut, or cut at the very moment at which a commit was sent and not yet answered."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

_CHUNK = 65_536

# What ends a transaction, as it travels.
POSTGRESQL_COMMIT = b"COMMIT\0"
BOLT_COMMIT = b"\x00\x02\xb0\x12\x00\x00"


@dataclass
class Proxy:
    """Passes bytes on to a port. `delay`: seconds before each piece goes on. `cut_at`: bytes after which, once sent, the answer is lost."""

    target: int
    delay: float = 0.0
    cut_at: bytes = b""
    cuts: int = 0  # how often an answer was lost
    _open: set[socket.socket] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cut every connection that is open now."""
        with self._guard:
            for each in list(self._open):
                _shut(each)

    def close(self) -> None:
        """Listen no more, and cut what is open."""
        _shut(self._listener)  # wakes who waits in accept
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                threading.Thread(target=self._join, args=(client, server), daemon=True).start()

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on in both directions until either end is closed."""
        with self._guard:
            self._open |= {client, server}
        back = threading.Thread(
            target=self._pass_on, args=(server, client), kwargs={"asks": False}, daemon=True
        )
        back.start()
        self._pass_on(client, server, asks=True)
        back.join()
        with self._guard:
            self._open -= {client, server}
        client.close()
        server.close()

    def _pass_on(self, one: socket.socket, other: socket.socket, *, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(_CHUNK):
                time.sleep(self.delay)
                lost = asks and self.cut_at and self.cut_at in data
                if lost:
                    self.cut_at = b""
                    _shut(one)  # the answer finds nobody
                other.sendall(data)
                if lost:
                    self.cuts += 1
                    time.sleep(0.2)  # it is carried out meanwhile
        _shut(one)
        _shut(other)


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
