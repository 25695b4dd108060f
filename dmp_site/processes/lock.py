"""Only one lane at a time: the lock that the others stand by for."""

import fcntl
import os
from abc import ABC, abstractmethod
from pathlib import Path


class LaneLock(ABC):
    """Held for the life of the process; never given back and taken again."""

    @abstractmethod
    def acquire(self) -> bool:
        """Try to take the lock without waiting."""

    @abstractmethod
    def held(self) -> bool:
        """Tell whether it is still held; a lane whose lock is lost ends."""


class FileLock(LaneLock):
    """An fcntl record lock: the system drops it when the process dies, and forked children do not inherit it.

    The lane's process must not open the file a second time: closing any descriptor of it would drop the lock.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._held = False

    def acquire(self) -> bool:
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        self._held = True
        return True

    def held(self) -> bool:
        return self._held
