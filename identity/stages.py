"""Where a process is on the road of a touchpoint; told to whoever kills processes to see what survives.

`reach` does nothing unless FILROUGE_STAGE_FILE names a file: then the name of the point is kept in it (shared memory, so that
it is still there after a kill), and a process that reaches the point named by FILROUGE_PAUSE_AT stops there for good.
"""

import mmap
import os
import signal
from pathlib import Path

_WIDTH = 64


def _open() -> mmap.mmap | None:
    path = os.environ.get("FILROUGE_STAGE_FILE")
    if not path:
        return None
    handle = os.open(f"{path}.{os.getpid()}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.ftruncate(handle, _WIDTH)
    return mmap.mmap(handle, _WIDTH)


_shared = _open()
_pause_at = os.environ.get("FILROUGE_PAUSE_AT", "")


def reach(point: str) -> None:
    """Say that this process is at `point` now ("1 record", "7 deliver: handing over", ...)."""
    if _shared is None:
        return
    _shared[:] = point.encode()[:_WIDTH].ljust(_WIDTH, b"\0")
    if point == _pause_at:
        while True:
            signal.pause()


def last(path: Path) -> str:
    """Return the point that a process had reached, from its file."""
    return path.read_bytes().rstrip(b"\0").decode()
