"""A child ends when its supervisor does, however that one died.

The supervisor keeps the writing end of a pipe open and never writes; a child waits on the reading end. When the supervisor is
gone the system closes the pipe, and the child ends its whole process group: politely at first, then for good.
"""

import contextlib
import os
import signal
import threading
import time

VARIABLE = "FILROUGE_LIFELINE"
_GRACE = (
    3.0  # seconds between the request and the end; together with the system's own it stays under 5
)


def hold() -> None:
    """Watch the lifeline named in the environment, in the background; nothing to do without one."""
    descriptor = os.environ.pop(VARIABLE, "")
    if descriptor:
        threading.Thread(target=_watch, args=(int(descriptor),), daemon=True).start()


def _watch(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.read(descriptor, 1)
    group = os.getpgrp()
    os.killpg(group, signal.SIGTERM)
    time.sleep(_GRACE)
    os.killpg(group, signal.SIGKILL)
