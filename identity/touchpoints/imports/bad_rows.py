"""The file of rows that an import could not take, readable by its owner alone: they may be about persons."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec


class BadRows:
    """Appends to one file, which an erasure may replace with a cleaned one between any two batches."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, *, anew: bool) -> None:
        """Create the file when it is not there. `anew`: forget what an earlier import left in it."""
        os.close(self._open(os.O_TRUNC if anew else 0))

    def append(self, entries: Iterable[dict[str, Any]]) -> None:
        lines = b"".join(msgspec.json.encode(each, enc_hook=str) + b"\n" for each in entries)
        if lines:
            with self._held() as handle, os.fdopen(handle, "ab", closefd=False) as file:
                file.write(lines)

    @contextmanager
    def _held(self) -> Iterator[int]:
        """Yield the file that is in its place, and keep it there. Who replaces it takes the same lock: see exports.cleaning."""
        while True:
            handle = self._open()
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if self._is_in_place(handle):
                    yield handle
                    return
            finally:
                os.close(handle)

    def _is_in_place(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _open(self, flags: int = 0) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | flags, 0o600)
