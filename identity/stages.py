"""Where a process is on the road of a touchpoint; told to whoever kills processes to see what survives.

`reach` does nothing unless FILROUGE_STAGE_FILE names a file: then the name of the point is kept in a file beside it that is
named by the process id (shared memory, so that it is still there after a kill). The file `<it>.pause` may name a point: the
first process that reaches that point takes the file away and stops there, until somebody wakes it (SIGCONT).
"""

import contextlib
import mmap
import os
import signal
from pathlib import Path

IDLE = "0 idle"
_WIDTH = 64
_path = os.environ.get("FILROUGE_STAGE_FILE", "")


def _open() -> mmap.mmap | None:
    if not _path:
        return None
    handle = os.open(f"{_path}.{os.getpid()}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.ftruncate(handle, _WIDTH)
    return mmap.mmap(handle, _WIDTH)


_shared = _open()


def reach(point: str) -> None:
    """Say that this process is at `point` now ("1 record", "7 deliver: handing over", ...)."""
    if _shared is None:
        return
    _shared[:] = point.encode()[:_WIDTH].ljust(_WIDTH, b"\0")
    with contextlib.suppress(FileNotFoundError):
        pause = Path(f"{_path}.pause")
        if pause.read_text() == point:
            pause.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)


def leave() -> None:
    """Say that this process is at no stage: what it did is committed, or given up."""
    reach(IDLE)


def last(path: Path) -> str:
    """Return the point that a process had reached, from its file."""
    return path.read_bytes().rstrip(b"\0").decode()
