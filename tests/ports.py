"""Ports of the loopback for servers of the tests."""

import secrets
import socket

# Below the range out of which Linux takes ports for connections that leave: one of those may take a port before its server does.
_FIRST, _COUNT = 15_000, 17_000
_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens at, another one each time. Chance is the system's: tests seed `random` alike in all processes."""
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
